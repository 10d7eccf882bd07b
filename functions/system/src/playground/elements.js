// Small helpers for elements and texts.

// An element with these classes and this text.
export function element(name, classes, text = "") {
  const made = document.createElement(name);
  made.className = classes;
  made.textContent = text;
  return made;
}

// Sets a text that is redrawn often; a selection in it survives while it is the same.
export function setText(target, text) {
  if (target.textContent !== text) {
    target.textContent = text;
  }
}

// `1 request`, `2 requests`.
export function count(number, singular) {
  return `${number} ${singular}${number === 1 ? "" : "s"}`;
}

// A time in milliseconds as seconds with one digit behind the point, rounded up: at zero it is over.
export function seconds(milliseconds) {
  return `${(Math.ceil(Math.max(milliseconds, 0) / 100) / 10).toFixed(1)} s`;
}

// A button that starts something that repeats every `pause` ms, and stops it when it is pressed again.
export function repeatWhilePressed(button, pause, action, whenStopped) {
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.setAttribute("aria-pressed", "false");
  };
  button.addEventListener("click", () => {
    if (timer === null) {
      button.setAttribute("aria-pressed", "true");
      action();
      timer = setInterval(action, pause);
    } else {
      stop();
      whenStopped();
    }
  });
  return stop;
}

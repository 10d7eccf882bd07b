// The half that shows the rate limiter.
import { FRESH, oneAtATime, send } from "./api.js";
import { count, element, repeatWhilePressed, seconds, setText } from "./elements.js";
import { Results } from "./results.js";

const ROUTES = {
  ping: { method: "GET", path: "rl-demo/ping" },
  login_sim: { method: "POST", path: "rl-demo/login-sim" },
};

// More dots than this cannot be told apart.
const MOST_DOTS = 200;

// Rows of dots, as many as the track is high.
const ROWS = 5;

export function watchLimiter(section) {
  const find = (selector) => section.querySelector(selector);
  const results = new Results(section, ["admitted", "refused"]);
  const quota = () => find("input[name=route]:checked").value;

  // What Redis held when it was last looked at: when each request leaves, by this page's clock.
  let log = null;

  let lookedAt = -Infinity;

  const look = oneAtATime(async () => {
    lookedAt = performance.now();
    const asked = quota();
    const answer = await send("GET", `rl-demo/window?quota=${asked}`);
    if (answer.status === 200 && asked === quota()) {
      const now = performance.now();
      const leaves = answer.body.leaves_in_ms.map((wait) => now + wait);
      log = { ...answer.body, leaves, next: now + answer.body.next_passes_in_ms };
    } else if (answer.status !== 200) {
      log = { error: `Redis was not looked at: ${answer.body.detail}` };
    }
    draw();
    return answer.status;
  });

  const sendOne = async () => {
    const number = results.number();
    const { method, path } = ROUTES[quota()];
    const answer = await send(method, path);
    const isAdmitted = answer.status === 200;
    const wait = answer.retryAfter ? `, next in ${answer.retryAfter} s` : "";
    const kind = isAdmitted ? "admitted" : "refused";
    results.add(number, kind, `${kind}, ${answer.status || "no answer"}${wait}, ${answer.milliseconds} ms`);
    if (answer.limit) {
      setText(find(".policy"), answer.policy);
      const more = `${answer.remaining} left, one more in ${answer.reset} s at the latest`;
      setText(find(".limit"), `${answer.limit} – ${more}`);
    }
    setText(find(".retry"), answer.retryAfter ? `${answer.retryAfter} – seconds until the next passes` : "none");
    await look();
  };

  const nextPasses = () => {
    if (!log || log.error) {
      return "";
    }
    const wait = log.next - performance.now();
    return wait > 0 ? `The next would pass in ${seconds(wait)}.` : "The next would pass now.";
  };

  const conclude = () => results.conclude(nextPasses());

  const sendMany = async (number) => {
    await Promise.all(Array.from({ length: number }, sendOne));
    conclude();
  };

  const draw = () => {
    if (!log || log.error) {
      setText(find(".log"), log?.error ?? "");
      setText(find(".next"), "");
      return;
    }
    const now = performance.now();
    const waits = log.leaves.map((leaves) => leaves - now).filter((wait) => wait > 0);
    const oldest = waits.length > 0 ? ` The oldest leaves in ${seconds(waits[0])}.` : "";
    setText(find(".log"), `${count(waits.length, "request")} of ${log.limit} in the log.${oldest}`);
    setText(find(".next"), nextPasses());
    setText(find(".window-length"), `admitted now, ${log.window_ms / 1000} s to go`);
    drawDots(find(".track"), waits.slice(-MOST_DOTS), log.window_ms);
  };

  const stop = repeatWhilePressed(find("[data-action=stream]"), 500, sendOne, conclude);
  find("[data-action=one]").addEventListener("click", () => sendMany(1));
  find("[data-action=ten]").addEventListener("click", () => sendMany(10));
  find("[data-action=clear]").addEventListener("click", () => results.clear());
  find("fieldset").addEventListener("change", () => {
    stop();
    results.clear();
    log = null;
    for (const name of ["policy", "limit"]) {
      setText(find(`.${name}`), "not asked yet");
    }
    setText(find(".retry"), "none");
    look();
  });

  const lookIfNeeded = () => {
    const now = performance.now();
    const changes = !log || log.error || log.leaves.some((leaves) => leaves > now);
    return changes && now - lookedAt > FRESH && look();
  };
  return { look, lookIfNeeded, draw };
}

// A dot for each request, at the left end when it leaves the window.
function drawDots(track, waits, window) {
  while (track.childElementCount > waits.length) {
    track.firstElementChild.remove();
  }
  while (track.childElementCount < waits.length) {
    track.append(element("span", "dot"));
  }
  waits.forEach((wait, at) => {
    // In rows, so that requests which were sent at once do not hide each other.
    Object.assign(track.children[at].style, { left: `${(100 * wait) / window}%`, top: `${(at % ROWS) + 0.25}rem` });
  });
}

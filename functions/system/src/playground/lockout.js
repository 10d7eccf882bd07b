// The half that shows brute-force protection: one card for each name.
import { FRESH, oneAtATime, send } from "./api.js";
import { element, repeatWhilePressed, seconds, setText } from "./elements.js";
import { Results } from "./results.js";

const RIGHT = "letmein";
const WRONG = "wrong guess";

// The names that are watched at first.
const FIRST = ["ada", "bob"];

// Numbers the cards, for ids.
let cardsMade = 0;

export function watchLockout(section) {
  const cards = new Map();
  const names = section.querySelector("#names");
  const form = section.querySelector("#add");

  const add = (name) => {
    // As the lockout does: a name in any case, without the white space around it.
    const key = name.trim().toLowerCase();
    if (!cards.has(key)) {
      const card = makeCard(name.trim(), () => {
        cards.delete(key);
        form.elements.name.focus();
      });
      cards.set(key, card);
      names.append(card.section);
    }
    return cards.get(key);
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const card = add(form.elements.name.value);
    form.reset();
    card.look();
    card.section.querySelector("input").focus();
  });
  FIRST.forEach(add);

  const all = (action) => [...cards.values()].map(action);
  return {
    look: async () => {
      const statuses = await Promise.all(all((card) => card.look()));
      return statuses[0];
    },
    lookIfNeeded: () => all((card) => card.lookIfNeeded()),
    draw: () => all((card) => card.draw()),
  };
}

function makeCard(name, whenRemoved) {
  const section = document.querySelector("#card").content.cloneNode(true).firstElementChild;
  const find = (selector) => section.querySelector(selector);
  const heading = find("h3");
  heading.textContent = name;
  cardsMade += 1;
  heading.id = `name-${cardsMade}`;
  section.setAttribute("aria-labelledby", heading.id);
  find(".results").setAttribute("aria-label", `Guesses at ${name}, the newest first`);
  find(".lock").setAttribute("aria-label", `Seconds until the lock on ${name} opens`);
  const results = new Results(section, ["checked", "refused"]);

  // What Redis held when it was last looked at, with times by this page's clock.
  let kept = null;
  let wasLocked = false;
  let lookedAt = -Infinity;

  const look = oneAtATime(async () => {
    lookedAt = performance.now();
    const answer = await send("GET", `bf-demo/state?username=${encodeURIComponent(name)}`);
    if (answer.status === 200) {
      const now = performance.now();
      const ends = answer.body.failures_end_in_ms.map((wait) => now + wait);
      kept = { ...answer.body, opens: now + answer.body.locked_for_ms, ends };
      const isLocked = answer.body.locked_for_ms > 0;
      if (wasLocked && !isLocked) {
        results.announce(`The lock on ${name} has opened: ${kept.threshold} more guesses.`);
      }
      wasLocked = isLocked;
    } else {
      kept = { error: `Redis was not looked at: ${answer.body.detail}` };
    }
    draw();
    return answer.status;
  });

  const guess = async (password) => {
    const number = results.number();
    const answer = await send("POST", "bf-demo/login", { username: name, password });
    const wait = answer.retryAfter ? `, next in ${answer.retryAfter} s` : "";
    const kind = answer.status === 200 ? (answer.body.ok ? "admitted" : "wrong") : "refused";
    results.add(number, kind, `${outcome(answer)}, ${answer.status || "no answer"}${wait}`);
    await look();
  };

  const guessAll = async (passwords) => {
    await Promise.all(passwords.map(guess));
    conclude();
  };

  const conclude = () => results.conclude(describe());

  const describe = () => {
    if (!kept || kept.error) {
      return kept?.error ?? "";
    }
    const now = performance.now();
    if (kept.opens > now) {
      return `Locked; the lock opens in ${seconds(kept.opens - now)}.`;
    }
    const failures = kept.ends.filter((ends) => ends > now);
    const oldest = failures.length > 0 ? `; the oldest counts for ${seconds(failures[0] - now)} more` : "";
    return `Open: ${failures.length} of ${kept.threshold} failures${oldest}.`;
  };

  const draw = () => {
    setText(find(".state"), describe());
    if (!kept || kept.error) {
      return;
    }
    const now = performance.now();
    const isLocked = kept.opens > now;
    const lock = find(".lock");
    lock.hidden = !isLocked;
    lock.max = kept.lock_ms / 1000;
    lock.value = Math.ceil(Math.max(kept.opens - now, 0) / 1000);
    const failures = isLocked ? kept.threshold : kept.ends.filter((ends) => ends > now).length;
    drawPips(find(".pips"), failures, kept.threshold);
  };

  find("form").addEventListener("submit", (event) => {
    event.preventDefault();
    guessAll([find("form").elements.password.value]);
  });
  find("[data-action=ten]").addEventListener("click", () => guessAll(Array(10).fill(WRONG)));
  find("[data-action=right]").addEventListener("click", () => guessAll([RIGHT]));
  const stop = repeatWhilePressed(find("[data-action=stream]"), 1000, () => guess(WRONG), conclude);
  find("[data-action=remove]").addEventListener("click", () => {
    stop();
    section.remove();
    whenRemoved();
  });

  const lookIfNeeded = () => {
    const now = performance.now();
    const changes = !kept || kept.error || wasLocked || kept.ends.some((ends) => ends > now);
    return changes && now - lookedAt > FRESH && look();
  };
  return { section, look, lookIfNeeded, draw };
}

// What became of a guess.
function outcome({ status, body, remaining }) {
  if (status === 200) {
    return body.ok ? "right" : `wrong, failure ${body.failures_for_this_user_ip}`;
  }
  if (status === 429) {
    return remaining === 0 ? "refused by the quota" : "no try left";
  }
  return body.detail ?? "failed";
}

function drawPips(pips, counted, threshold) {
  while (pips.childElementCount < threshold) {
    pips.append(element("span", "pip"));
  }
  [...pips.children].forEach((pip, at) => pip.classList.toggle("counted", at < counted));
}

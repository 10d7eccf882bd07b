// Starts the two halves of the playground, and says so where the demos are not deployed.
import { watchLimiter } from "./limiter.js";
import { watchLockout } from "./lockout.js";

const notice = document.querySelector("#notice");

// Redraws what depends on the time: often enough to look smooth, or once a second for who wants little motion.
const stillness = matchMedia("(prefers-reduced-motion: reduce)");

async function start() {
  const halves = [
    { name: "The demonstration of the rate limiter", section: document.querySelector("#limiter"), watch: watchLimiter },
    { name: "The demonstration of the lockout", section: document.querySelector("#lockout"), watch: watchLockout },
  ];
  const running = [];
  for (const { name, section, watch } of halves) {
    const half = watch(section);
    const status = await half.look();
    if (status === 404) {
      section.hidden = true;
      notice.hidden = false;
      notice.append(`${name} is not deployed here: its route answers 404. `);
    } else {
      running.push(half);
    }
  }
  const draw = () => {
    running.forEach((half) => half.draw());
    setTimeout(draw, stillness.matches ? 1000 : 100);
  };
  draw();
  setInterval(() => document.hidden || running.forEach((half) => half.lookIfNeeded()), 1000);
}

start();

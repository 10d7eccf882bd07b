// The list of answers: one tile for each request, drawn when its answer arrives.
import { count, element } from "./elements.js";

// Older tiles are dropped; the counts keep them.
const LONGEST = 60;

// What the kinds of answers are marked with, beside their colours.
const SYMBOLS = { admitted: "✓", wrong: "○", refused: "✗" };

export class Results {
  #names;
  #list;
  #counts;
  #status;
  #sent = 0;
  #admitted = 0;
  #refused = 0;

  // The names say what is counted, `["admitted", "refused"]` for instance.
  constructor(section, names) {
    this.#names = names;
    this.#list = section.querySelector(".results");
    this.#counts = section.querySelector(".counts");
    this.#status = section.querySelector(".status");
    this.#showCounts();
  }

  // A number for a request that is about to be sent.
  number() {
    this.#sent += 1;
    this.#showCounts();
    return this.#sent;
  }

  // Draws one answer of a kind: one of `SYMBOLS`.
  add(number, kind, text) {
    if (kind === "refused") {
      this.#refused += 1;
    } else {
      this.#admitted += 1;
    }
    this.#list.prepend(element("li", `result ${kind}`, `${SYMBOLS[kind]} ${number}: ${text}`));
    while (this.#list.childElementCount > LONGEST) {
      this.#list.lastElementChild.remove();
    }
    this.#showCounts();
  }

  // Tells everybody, screen readers too.
  announce(text) {
    this.#status.textContent = text;
  }

  // Says how the last requests ended, and `more`.
  conclude(more) {
    this.announce(`${this.#summary()}. ${more}`.trim());
  }

  clear() {
    this.#list.replaceChildren();
    this.#sent = this.#admitted = this.#refused = 0;
    this.#showCounts();
    this.announce("The list is empty.");
  }

  #summary() {
    const [admitted, refused] = this.#names;
    return `${count(this.#sent, "request")}: ${this.#admitted} ${admitted}, ${this.#refused} ${refused}`;
  }

  #showCounts() {
    this.#counts.textContent = this.#summary();
  }
}

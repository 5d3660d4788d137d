/**
 * The stored positions.
 */

const PRESETS = 16;

export class Presets {
  /**
   * @param tell sends something to the camera: tell(what, body, done), where done is
   *     a sentence for when it worked.
   */
  constructor(tell) {
    this.tell = tell;
    this.storeButton = document.getElementById("storeButton");
    this.hint = document.getElementById("presetHint");
    this.dialog = document.getElementById("storeDialog");
    this.question = document.getElementById("storeQuestion");
    const grid = document.getElementById("presetGrid");
    this.buttons = [];
    for (let number = 1; number <= PRESETS; number++) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button";
      button.textContent = String(number);
      button.dataset.preset = String(number);
      button.addEventListener("click", () => this.chosen(number));
      grid.append(button);
      this.buttons.push(button);
    }
    this.storeButton.addEventListener("click", () => this.store(!this.isStoring));
    this.dialog.addEventListener("close", () => this.answered());
    this.store(false);
  }

  /** Shall the next button store a position? */
  store(isStoring) {
    this.isStoring = isStoring;
    this.storeButton.setAttribute("aria-pressed", String(isStoring));
    this.hint.textContent = isStoring
      ? "Choose the number to store the present position under."
      : "";
    this.buttons.forEach((button, place) => {
      const number = place + 1;
      const label = isStoring ? `Store as position ${number}` : `Go to position ${number}`;
      button.setAttribute("aria-label", label);
    });
  }

  chosen(number) {
    if (!this.isStoring) {
      this.tell("preset", { number }, `Turning to position ${number}.`);
      return;
    }
    this.number = number;
    this.question.textContent = `Store where the camera looks now as position ${number}?`;
    this.dialog.returnValue = "";
    this.dialog.showModal();
  }

  answered() {
    if (this.dialog.returnValue !== "store") return;
    const { number } = this;
    this.store(false);
    this.tell("preset", { number, action: "set" }, `Stored as position ${number}.`);
  }
}

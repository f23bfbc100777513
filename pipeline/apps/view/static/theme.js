// Light, dark, or as the system has it. A liking of the visitor, so it is no part of the address.

const CHOICES = ["auto", "light", "dark"];
const NAME = "maskdistill-theme";

export function setUpTheme(button) {
  const apply = (choice) => {
    if (choice === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    button.textContent = { auto: "◐ Auto", light: "☀ Light", dark: "☾ Dark" }[choice];
    button.setAttribute("aria-label", `Colours: ${choice}`);
  };
  let choice = CHOICES.includes(localStorage.getItem(NAME)) ? localStorage.getItem(NAME) : "auto";
  apply(choice);
  button.addEventListener("click", () => {
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    localStorage.setItem(NAME, choice);
    apply(choice);
  });
}

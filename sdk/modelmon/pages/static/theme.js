const KEY = "modelmon-theme";
const NEXT = { "": "dark", dark: "light", light: "" };
const WORDS = { "": "◐ Auto", dark: "◐ Dark", light: "◐ Light" };

function remembered() {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return ""; // a browser that keeps nothing
  }
}

function remember(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // it holds for this page alone
  }
}

function name(button, theme) {
  button.textContent = WORDS[theme];
  button.ariaLabel = `Theme: ${WORDS[theme]}`;
}

function apply(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

/** The choice made earlier, and the button that changes it. */
export function switchTheme() {
  let theme = remembered();
  if (!(theme in NEXT)) theme = "";
  apply(theme);
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    button.hidden = false;
    name(button, theme);
    button.addEventListener("click", () => {
      theme = NEXT[theme];
      apply(theme);
      remember(theme);
      name(button, theme);
    });
  }
}

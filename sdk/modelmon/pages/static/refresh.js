function isChanged(field) {
  if (field.localName === "select") {
    const options = [...field.options];
    const isGiven = field.multiple || options.some((each) => each.defaultSelected);
    return isGiven ? options.some((each) => each.selected !== each.defaultSelected) : field.selectedIndex > 0;
  }
  return field.value !== field.defaultValue || Boolean(field.checked) !== Boolean(field.defaultChecked);
}

/** What the reader has opened or typed is not taken away. */
function isBusy(main) {
  const fields = [...main.querySelectorAll("input, select, textarea")];
  return fields.some((each) => each === document.activeElement || isChanged(each)) ||
    main.querySelector("details[open]") !== null || String(getSelection()) !== "";
}

const name = (element) => element.id || element.getAttribute("href") || element.textContent;

/** Where the reader's focus is inside `main`, in words that hold for its next version too. */
function focused(main) {
  const found = document.activeElement;
  if (!found || found === main || !main.contains(found)) return null;
  const alike = (root) => [...root.querySelectorAll(found.localName)].filter((each) => name(each) === name(found));
  return { place: alike(main).indexOf(found), alike };
}

async function refresh(enliven) {
  const main = document.querySelector("main[data-refresh]");
  if (!main || document.hidden || isBusy(main)) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("main[data-refresh]");
  if (!fresh || isBusy(main)) return;
  const [x, y, focus] = [scrollX, scrollY, focused(main)];
  main.replaceChildren(...document.adoptNode(fresh).childNodes);
  enliven(main);
  focus?.alike(main)[focus.place]?.focus({ preventScroll: true });
  scrollTo(x, y);
}

/** An answer that does not come leaves the page as it is; its "As of" says how old it is. */
export function keepFresh(enliven) {
  const seconds = Number(document.querySelector("main[data-refresh]")?.dataset.refresh);
  if (!(seconds >= 5)) return;
  setInterval(() => refresh(enliven).catch(() => {}), seconds * 1000);
}

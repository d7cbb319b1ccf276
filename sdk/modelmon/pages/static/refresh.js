/** What the reader has opened or typed is not taken away. */
function isBusy(main) {
  const field = document.activeElement?.closest("input, select, textarea");
  const filters = [...main.querySelectorAll("[data-filter-field]")];
  return Boolean(field && main.contains(field)) || filters.some((each) => each.value) ||
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

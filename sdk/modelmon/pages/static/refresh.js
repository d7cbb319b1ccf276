/** What the reader has opened or typed is not taken away. */
function isBusy(main) {
  const field = document.activeElement?.closest("input, select, textarea");
  const filters = [...main.querySelectorAll("[data-filter-field]")];
  return Boolean(field && main.contains(field)) || filters.some((each) => each.value) ||
    main.querySelector("details[open]") !== null || String(getSelection()) !== "";
}

async function refresh(enliven) {
  const main = document.querySelector("main[data-refresh]");
  if (!main || document.hidden || isBusy(main)) return;
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("main[data-refresh]");
  if (!fresh || isBusy(main)) return;
  const [x, y] = [scrollX, scrollY];
  main.replaceChildren(...document.adoptNode(fresh).childNodes);
  enliven(main);
  scrollTo(x, y);
}

/** An answer that does not come leaves the page as it is; its "As of" says how old it is. */
export function keepFresh(enliven) {
  const seconds = Number(document.querySelector("main[data-refresh]")?.dataset.refresh);
  if (!(seconds >= 5)) return;
  setInterval(() => refresh(enliven).catch(() => {}), seconds * 1000);
}

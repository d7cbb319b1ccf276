let count = 0;

/** Without what charts say of themselves: each names its thresholds. */
function readable(row) {
  const copy = row.cloneNode(true);
  for (const chart of copy.querySelectorAll("svg, details.data")) chart.remove();
  return copy.textContent;
}

/** Keeps the rows that hold every word. */
function filter(table, words, said) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
  let shown = 0;
  for (const row of rows) {
    const text = readable(row).toLowerCase();
    row.hidden = !wanted.every((word) => text.includes(word));
    shown += row.hidden ? 0 : 1;
  }
  said.textContent = wanted.length ? `${shown} of ${rows.length} rows on this page` : "";
}

function field(table) {
  const id = `filter-${++count}`;
  const box = document.createElement("p");
  const label = Object.assign(document.createElement("label"), { htmlFor: id, textContent: "Filter this table" });
  const input = Object.assign(document.createElement("input"), { id, type: "search", autocomplete: "off" });
  const said = document.createElement("small");
  input.dataset.filterField = "";
  said.setAttribute("role", "status");
  box.append(label, input, " ", said);
  input.addEventListener("input", () => filter(table, input.value, said));
  return box;
}

export function filterTables(root) {
  for (const table of root.querySelectorAll("table[data-filterable]")) {
    (table.closest(".table-wide") ?? table).before(field(table));
  }
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, [contenteditable]")) return;
  const first = document.querySelector("[data-filter-field]");
  if (!first) return;
  event.preventDefault();
  first.focus();
});

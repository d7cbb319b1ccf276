/* What pages gain where scripts run; all of them work without.

   Data attributes for writers of pages:

   table[data-filterable]        gets a field that keeps the rows with what one types ("/" goes there)
   button[data-theme-switch]     changes light, dark, as the system; the choice is remembered
   button[data-copy]             copies its value, or the page's address where it is empty
   main[data-refresh="30"]       fetched anew every so many seconds while one looks at it
   time[datetime]                shown in the reader's zone, UTC on hover
   svg[data-from][data-to]       a chart over time (ISO 8601): one crosshair for all of a page;
     [data-left][data-right]     where its axis begins and ends, in the picture's own units;
     [data-points]               "seconds:value …", seconds after data-from: what the tooltip says;
                                 dragging over it goes to the same page with `from` and `to`

   Buttons that need a script have `hidden` until it is there. */

import { followCharts } from "./crosshair.js";
import { keepFresh } from "./refresh.js";
import { filterTables } from "./tables.js";
import { switchTheme } from "./theme.js";
import { localTimes } from "./times.js";
import { copyLinks } from "./copy.js";
import { reachWide } from "./wide.js";

/** Of everything inside `root`, again after `<main>` was replaced. */
export function enliven(root) {
  localTimes(root);
  filterTables(root);
  copyLinks(root);
  reachWide(root);
}

switchTheme();
enliven(document);
followCharts();
keepFresh(enliven);

import { written } from "./times.js";

const SVG = "http://www.w3.org/2000/svg";
const CHARTS = "svg[data-from][data-to]";

let tooltip = null;
let drag = null;

/** Milliseconds at its ends, and where those are in the picture. */
function axis(chart) {
  const { from, to, left, right } = chart.dataset;
  return { from: Date.parse(from), to: Date.parse(to), left: Number(left), right: Number(right) };
}

function place(chart, time) {
  const { from, to, left, right } = axis(chart);
  return time < from || time > to ? null : left + ((time - from) / (to - from)) * (right - left);
}

/** The time under the pointer, held inside of the axis. */
function timeAt(chart, event) {
  const { from, to, left, right } = axis(chart);
  const matrix = chart.getScreenCTM();
  if (!matrix) return from;
  const x = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse()).x;
  return from + Math.min(1, Math.max(0, (x - left) / (right - left))) * (to - from);
}

function shape(chart, name, kind, attributes) {
  let found = chart.querySelector(`:scope > .${kind}`);
  if (!found) {
    found = document.createElementNS(SVG, name);
    found.classList.add(kind);
    chart.append(found);
  }
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
}

function clear(kind) {
  for (const each of document.querySelectorAll(`svg > .${kind}`)) each.remove();
}

/** The point of this chart that is nearest in time, as words. */
function nearest(chart, time) {
  const offset = (time - axis(chart).from) / 1000;
  let best = null;
  for (const point of (chart.dataset.points ?? "").split(" ")) {
    const [seconds, value] = point.split(":");
    if (value === undefined) continue;
    const distance = Math.abs(Number(seconds) - offset);
    if (!best || distance < best.distance) best = { distance, seconds: Number(seconds), value };
  }
  return best;
}

function say(chart, time, event) {
  const point = nearest(chart, time);
  const at = new Date(point ? axis(chart).from + point.seconds * 1000 : time);
  tooltip ??= document.body.appendChild(Object.assign(document.createElement("div"), { className: "tooltip" }));
  tooltip.hidden = false;
  const when = `${written(at)} (${at.toISOString().slice(11, 16)} UTC)`;
  tooltip.textContent = point ? `${when}\n${point.value}` : when;
  const x = Math.min(event.clientX + 12, innerWidth - tooltip.offsetWidth - 8);
  tooltip.style.left = `${x}px`;
  tooltip.style.top = `${Math.max(8, event.clientY - tooltip.offsetHeight - 8)}px`;
}

function follow(time) {
  for (const chart of document.querySelectorAll(CHARTS)) {
    const x = place(chart, time);
    if (x === null) chart.querySelector(":scope > .crosshair")?.remove();
    else shape(chart, "line", "crosshair", { x1: x, x2: x, y1: 0, y2: chart.viewBox.baseVal.height });
  }
}

function brush(chart, first, last) {
  const [left, right] = [place(chart, Math.min(first, last)), place(chart, Math.max(first, last))];
  const height = chart.viewBox.baseVal.height;
  shape(chart, "rect", "brush", { x: left, y: 0, width: right - left, height });
}

/** The same page over this time. Less than a hundredth of the axis was a click. */
function zoom({ chart, first, last }) {
  const { from, to } = axis(chart);
  if (Math.abs(last - first) < (to - from) / 100) return;
  const address = new URL(location.href);
  address.searchParams.delete("range");
  address.searchParams.set("from", new Date(Math.min(first, last)).toISOString());
  address.searchParams.set("to", new Date(Math.max(first, last)).toISOString());
  location.assign(address);
}

function leave() {
  clear("crosshair");
  clear("brush");
  drag = null;
  if (tooltip) tooltip.hidden = true;
}

function move(event) {
  const chart = drag?.chart ?? event.target.closest?.(CHARTS);
  if (!chart) return leave();
  const time = timeAt(chart, event);
  follow(time);
  say(chart, time, event);
  if (!drag) return undefined;
  drag.last = time;
  return brush(chart, drag.first, drag.last);
}

export function followCharts() {
  document.addEventListener("pointermove", move);
  document.addEventListener("pointercancel", leave);
  document.addEventListener("keydown", (event) => event.key === "Escape" && leave());
  document.addEventListener("pointerdown", (event) => {
    const chart = event.target.closest?.(CHARTS);
    if (!chart || event.button !== 0 || event.pointerType === "touch") return;
    event.preventDefault();
    drag = { chart, first: timeAt(chart, event), last: timeAt(chart, event) };
  });
  document.addEventListener("pointerup", () => {
    const done = drag;
    leave();
    if (done) zoom(done);
  });
}

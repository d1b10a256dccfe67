(() => {
"use strict";
document.documentElement.classList.add("js");
const find = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

// Tooltips: the titles of chart marks, shown at once and beside the pointer.
const tip = find("tip");
let over = null;
const place = (event) => {
  const box = tip.getBoundingClientRect();
  const x = event.clientX + 14 + box.width > innerWidth ? event.clientX - 14 - box.width : event.clientX + 14;
  const y = event.clientY + 14 + box.height > innerHeight ? event.clientY - 14 - box.height : event.clientY + 14;
  tip.style.left = `${Math.max(4, x)}px`;
  tip.style.top = `${Math.max(4, y)}px`;
};
for (const mark of document.querySelectorAll("svg circle, svg rect, svg g.cell")) {
  const title = mark.querySelector(":scope > title");
  if (!title) continue;
  const text = title.textContent;
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", text);
  title.remove();
  mark.addEventListener("pointerenter", (event) => {
    over = mark;
    tip.textContent = text;
    tip.hidden = false;
    place(event);
  });
  mark.addEventListener("pointermove", place);
  mark.addEventListener("pointerleave", () => {
    if (over === mark) tip.hidden = true;
  });
}

// Downloads of figures and tables, made here without a network.
const save = (content, kind, name) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type: kind }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};
const name_of = (element, ending) => {
  const near = element.closest("figure, section") || document.body;
  const title = (near.querySelector("h3, h2") || document.querySelector("h1")).textContent;
  return `${title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "kakehashi"}.${ending}`;
};
const DRAWN = ["fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "stroke-dasharray", "stroke-linecap",
  "stroke-linejoin", "opacity", "font-family", "font-size", "font-weight", "font-style"];
const standalone = (svg) => {
  // the colours of the page become attributes, because a file has no style sheet
  const copy = svg.cloneNode(true);
  const [from, to] = [svg, copy].map((root) => [root, ...root.querySelectorAll("*")]);
  from.forEach((element, k) => {
    const style = getComputedStyle(element);
    for (const key of DRAWN) to[k].setAttribute(key, style.getPropertyValue(key));
  });
  for (const mark of to.slice(1).filter((element) => element.hasAttribute("aria-label"))) {
    const title = document.createElementNS(SVG, "title");
    title.textContent = mark.getAttribute("aria-label");
    mark.prepend(title);
  }
  const [x, y, width, height] = svg.getAttribute("viewBox").split(/\s+/).map(Number);
  copy.setAttribute("xmlns", SVG);
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const paper = document.createElementNS(SVG, "rect");
  const fill = getComputedStyle(document.body).backgroundColor;
  for (const [key, value] of Object.entries({ x, y, width, height, fill })) paper.setAttribute(key, value);
  copy.prepend(paper);
  return { text: new XMLSerializer().serializeToString(copy), width, height };
};
const save_picture = (svg) => {
  const { text, width, height } = standalone(svg);
  const image = new Image();
  image.addEventListener("load", () => {
    const canvas = document.createElement("canvas");
    const times = Math.max(2, Math.min(4, 2000 / width));
    canvas.width = width * times;
    canvas.height = height * times;
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(blob, "image/png", name_of(svg, "png")), "image/png");
  });
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
};
// text that a spreadsheet would run gets an apostrophe
const csv_cell = (value) => {
  const text = value === null || value === undefined ? "" : String(value);
  const harmless = typeof value === "string" && /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
};
const csv = (lines) => lines.map((line) => line.map(csv_cell).join(",")).join("\r\n") + "\r\n";
const offer = (after, choices) => {
  const bar = document.createElement("div");
  bar.className = "take";
  for (const [label, about, act] of choices) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.title = about;
    button.addEventListener("click", act);
    bar.append(button);
  }
  after.after(bar);
};
for (const svg of document.querySelectorAll("svg.chart")) {
  offer(svg.closest(".scroll") || svg, [
    ["SVG", "Save this figure as SVG", () => save(standalone(svg).text, "image/svg+xml", name_of(svg, "svg"))],
    ["PNG", "Save this figure as PNG", () => save_picture(svg)],
  ]);
}
for (const table of document.querySelectorAll("table:not(#table):not(.predictions)")) {
  offer(table.closest(".scroll") || table, [["CSV", "Save this table as CSV", () => {
    const lines = [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim()));
    save(csv(lines), "text/csv", name_of(table, "csv"));
  }]]);
}

// what scrolls can be reached by keys
for (const wide of document.querySelectorAll(".scroll:not([tabindex])")) {
  wide.tabIndex = 0;
  wide.setAttribute("role", "region");
  wide.setAttribute("aria-label", wide.closest("figure, section").querySelector("h3, h2").textContent);
}

const holder = find("ranking-data");
if (!holder) return;
const data = JSON.parse(holder.textContent);
const columns = data.columns.map(([key, label, kind, style, index]) => ({ key, label, kind, style, index }));
const column = (key) => columns.find((c) => c.key === key);
const position = (key) => (column(key) ? column(key).index : -1);
const at = { formula: position("formula"), reduced: position("reduced_formula"), domain: position("domain"),
  lower: position("lower"), mean: position("mean"), upper: position("upper"), measured: position("measured") };
const everyday = new Set(data.everyday);
const MP = /^mp-[0-9]{1,12}$/;

const SYMBOL = /[A-Z][a-z]?/g;
const PARTS = /(\d+(?:\.\d+)?)/;
const PLAIN = /^(?:[A-Z][a-z]?|[()\[\] ]|\d+(?:\.\d+)?)+$/;
const known = new Set(data.symbols);
const symbols = (text) => {
  if (typeof text !== "string" || !PLAIN.test(text)) return [];
  const found = text.match(SYMBOL) || [];
  return found.every((s) => known.has(s)) ? found : [];
};
const wanted = (text) => text.split(/[^A-Za-z]+/).filter(Boolean).flatMap((word) =>
  word === word.toLowerCase() ? [word[0].toUpperCase() + word.slice(1)] : word.match(SYMBOL) || [word]);

const rows = data.rows.map((cells, k) => ({
  cells,
  everyday: everyday.has(k),
  measured: at.measured >= 0 && cells[at.measured] !== null,
  text: data.search.map((k) => String(cells[k] ?? "")).join("\n").toLowerCase(),
  elements: new Set(symbols(cells[at.reduced >= 0 ? at.reduced : at.formula])),
}));

const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const number = (value, keep = false) => {
  if (value === null) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  if (value === 0) return keep ? "0.000" : "0";
  const rounded = Number(value.toPrecision(4));
  const exponent = Math.floor(Math.log10(Math.abs(rounded)));
  if (exponent >= -4 && exponent < 6) {
    return rounded.toLocaleString("en-US", {
      minimumFractionDigits: keep ? Math.max(3 - exponent, 0) : 0, maximumFractionDigits: Math.max(3 - exponent, 0) }).replace("-", "−");
  }
  const [mantissa, power] = (keep ? rounded.toExponential(3) : rounded.toExponential()).split("e");
  const raised = String(Number(power)).replace("-", "⁻").replace(/\d/g, (d) => SUPERSCRIPT[d]);
  return `${mantissa}×10${raised}`.replace("-", "−");
};

const fill_formula = (cell, value) => {
  if (value === null) {
    cell.textContent = "–";
    return;
  }
  const found = symbols(value);
  if (!found.length || new Set(found).size !== found.length) {
    cell.textContent = String(value);
    return;
  }
  value.split(PARTS).forEach((part, k) => {
    if (k % 2) {
      const sub = document.createElement("sub");
      sub.textContent = part;
      cell.append(sub);
    } else cell.append(part);
  });
};

const draw = (name, attributes) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};
const scale = data.log ? Math.log : (v) => v;
const pixel = (value) => {
  const [low, high] = data.axis.map(scale);
  const floor = data.log ? Math.max(value, data.axis[0] * 1e-9) : value;
  const x = 5 + (110 * (scale(floor) - low)) / (high - low);
  return Math.min(Math.max(x, 1), 119).toFixed(2);
};
const fill_interval = (cell, cells) => {
  if (!data.axis) return;
  const [lower, mean, upper] = [at.lower, at.mean, at.upper].map((k) => cells[k]);
  const svg = draw("svg", { class: "whisker", viewBox: "0 0 120 16", "aria-hidden": "true" });
  if (typeof lower === "number" && typeof upper === "number") {
    svg.append(draw("line", { class: "range", x1: pixel(lower), x2: pixel(upper), y1: 8, y2: 8 }));
  }
  if (typeof mean === "number") svg.append(draw("circle", { class: "centre", cx: pixel(mean), cy: 8, r: 3.2 }));
  cell.append(svg);
};

const link_id = (word) => {
  if (!MP.test(word)) return word;
  const link = document.createElement("a");
  link.href = `https://materialsproject.org/materials/${word}`;
  link.rel = "noopener noreferrer";
  link.textContent = word;
  return link;
};
const make_row = (row) => {
  const line = document.createElement("tr");
  if (row.measured) line.className = "known";
  for (const c of columns) {
    const cell = document.createElement("td");
    cell.className = c.style;
    const value = c.index < 0 ? null : row.cells[c.index];
    if (c.kind === "interval") fill_interval(cell, row.cells);
    else if (c.kind === "formula") fill_formula(cell, value);
    else if (c.kind === "id" && typeof value === "string") {
      value.split(" ").forEach((word, k) => cell.append(k ? " " : "", link_id(word)));
    }
    else if (c.kind === "domain") {
      const badge = document.createElement("span");
      badge.className = "badge";
      if (Object.hasOwn(data.marks, value)) badge.classList.add(value);
      badge.textContent = `${Object.hasOwn(data.marks, value) ? data.marks[value] : "?"} ${value ?? "–"}`;
      cell.append(badge);
    } else cell.textContent = (c.kind === "rank" || c.kind === "integer") && value !== null ? String(value) : number(value, c.kind === "figure");
    if (cell.textContent.length > 24) cell.title = cell.textContent;
    line.append(cell);
  }
  return line;
};

// State: what is sorted, filtered and on view.
let order = { index: -1, falling: false };
let page = 0;
let shown = rows;
const table = find("table");
const body = table.tBodies[0];
const value_of = (id) => (find(id) ? find(id).value.trim() : "");

const compare = (a, b) => {
  const [x, y] = [a.cells[order.index], b.cells[order.index]];
  const [empty_x, empty_y] = [x === null, y === null];
  // rows without a value stay last whichever way the table is sorted
  if (empty_x || empty_y) return empty_x - empty_y;
  const [text_x, text_y] = [typeof x === "string", typeof y === "string"];
  if (text_x !== text_y) return text_x - text_y;
  const sign = text_x ? (x < y ? -1 : x > y ? 1 : 0) : x - y;
  return order.falling ? -sign : sign;
};

const refresh = () => {
  const text = value_of("text").toLowerCase();
  const domain = find("domain") ? find("domain").value : "";
  const need = wanted(value_of("with"));
  const avoid = wanted(value_of("without"));
  const low = value_of("low") === "" ? -Infinity : Number(value_of("low"));
  const high = value_of("high") === "" ? Infinity : Number(value_of("high"));
  const bounded = low !== -Infinity || high !== Infinity;
  const with_measured = !find("known") || find("known").checked;
  const with_everyday = !find("everyday") || find("everyday").checked;
  const left = rows.filter((row) => (row.measured && !with_measured) || (row.everyday && !with_everyday)).length;
  shown = rows.filter((row) =>
    (with_measured || !row.measured) && (with_everyday || !row.everyday) &&
    (!text || row.text.includes(text)) &&
    (!domain || (domain === "near" ? ["in", "edge"] : [domain]).includes(String(row.cells[at.domain]))) &&
    need.every((s) => row.elements.has(s)) &&
    !avoid.some((s) => row.elements.has(s)) &&
    (!bounded || (typeof row.cells[at.mean] === "number" && row.cells[at.mean] >= low && row.cells[at.mean] <= high)));
  if (order.index >= 0) shown = [...shown].sort(compare);
  const strange = [...need, ...avoid].filter((s) => !known.has(s));
  const pages = Math.max(1, Math.ceil(shown.length / data.page));
  page = Math.min(page, pages - 1);
  const first = page * data.page;
  const last = Math.min(first + data.page, shown.length);
  body.replaceChildren(...shown.slice(first, last).map(make_row));
  find("count").textContent =
    `${shown.length.toLocaleString("en-US")} of ${rows.length.toLocaleString("en-US")} rows match.` +
    (left ? ` Not on view: ${left.toLocaleString("en-US")} measured, elements or gases (tick to see them).` : "") +
    (strange.length ? ` No such element: ${strange.join(", ")}.` : "");
  find("where").textContent = shown.length ? `${first + 1} to ${last} of ${shown.length}` : "no rows";
  find("previous").disabled = page === 0;
  find("next").disabled = page >= pages - 1;
};

const headings = [...table.tHead.rows[0].cells];
offer(table.parentElement, [["CSV of the rows that match", "Save the rows that match as CSV", () => {
  const used = columns.filter((c) => c.index >= 0);
  save(csv([used.map((c) => c.label), ...shown.map((row) => used.map((c) => row.cells[c.index]))]), "text/csv", "ranking.csv");
}]]);
headings.forEach((heading, k) => {
  const c = columns[k];
  if (c.index < 0) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = c.label;
  heading.replaceChildren(button);
  button.addEventListener("click", () => {
    order = { index: c.index, falling: order.index === c.index && !order.falling };
    headings.forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", order.falling ? "descending" : "ascending");
    page = 0;
    refresh();
  });
});
const controls = find("controls");
controls.addEventListener("submit", (event) => event.preventDefault());
const restart = () => {
  page = 0;
  refresh();
};
controls.addEventListener("input", restart);
controls.addEventListener("change", restart);
// the fields are cleared only after the event
controls.addEventListener("reset", () => setTimeout(restart));
const turn = (by) => {
  page += by;
  refresh();
  table.parentElement.scrollTop = 0;
};
find("previous").addEventListener("click", () => turn(-1));
find("next").addEventListener("click", () => turn(1));
refresh();
})();

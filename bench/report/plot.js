// @ts-check
/** The plot: for each operation one bar for each library, the fastest first, each with its name and number; for light and dark pages. */

import { stateful } from "../library-names.js";
import { geometricMean, summary } from "../summary.js";

const width = 760;
const panel = width / 2;
const rowHeight = 24;
const top = 90;
const nameWidth = 128;
const numberWidth = 52;

const style = `
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; font-size: 15px; }
    .small { font-size: 12px; fill: #59636e; }
    .name { text-anchor: end; }
    .own { font-weight: 600; }
    .card { fill: #ffffff; stroke: #d1d9e0; }
    .bar { fill: #8c959f; }
    .bar.own { fill: #0969da; }
    .bar.stateful { fill: none; stroke: #8c959f; stroke-dasharray: 4 3; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .small { fill: #9198a1; }
      .card { fill: #0d1117; stroke: #3d444d; }
      .bar { fill: #656c76; }
      .bar.own { fill: #4493f8; }
      .bar.stateful { fill: none; stroke: #9198a1; }
    }`;

/** @param {import("../measure.js").Op} op @param {import("../processes.js").Runtime} runtime */
function speeds(op, runtime) {
  const { libraries, frames, speed } = summary(runtime);
  return libraries
    .map((library) => ({ library, times: geometricMean(frames.map((frame) => speed(op, frame, library, "protobuf-es"))) }))
    .sort((a, b) => b.times - a.times);
}

/** What the plot shows, in words: for those who cannot see it. @param {import("../processes.js").Runtime} runtime */
export function altText(runtime) {
  const said = /** @type {const} */ (["encode", "decode"]).map((op) => {
    const bars = speeds(op, runtime).map(({ library, times }) => `${library} ${times.toFixed(1)}`);
    return `${op}: ${bars.join(", ")}`;
  });
  return `How many times as fast as protobuf-es, geometric mean over all frame types; ${said.join("; ")}`;
}

/** @param {import("../processes.js").Runtime} runtime @returns {string} an SVG document */
export function plot(runtime) {
  const columns = /** @type {const} */ (["encode", "decode"]).map((op) => ({ op, bars: speeds(op, runtime) }));
  const height = top + columns[0].bars.length * rowHeight + 46;
  const longest = Math.max(...columns.flatMap(({ bars }) => bars.map(({ times }) => times)));
  const scale = (panel - nameWidth - numberWidth - 16) / longest;

  const drawn = columns.map(({ op, bars }, column) => {
    const left = column * panel + 8;
    const rows = bars.map(({ library, times }, i) => {
      const y = top + i * rowHeight;
      const own = library === "chappe" ? " own" : "";
      const kind = stateful.includes(library) ? " stateful" : own;
      const length = Math.max(1, times * scale);
      return [
        `<text class="name${own}" x="${left + nameWidth}" y="${y + 13}">${library}</text>`,
        `<rect class="bar${kind}" x="${left + nameWidth + 8}" y="${y + 1}" width="${length.toFixed(1)}" height="16" rx="2"/>`,
        `<text class="${own.trim()}" x="${(left + nameWidth + 14 + length).toFixed(1)}" y="${y + 13}">${times.toFixed(1)}×</text>`,
      ].join("\n  ");
    });
    return `<text class="title" x="${left + nameWidth + 8}" y="${top - 14}">${op}</text>\n  ${rows.join("\n  ")}`;
  });

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">
  <title id="title">Speed of codecs</title>
  <desc id="desc">${altText(runtime)}</desc>
  <style>${style}
  </style>
  <rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="6"/>
  <text class="title" x="20" y="28">How many times as fast as protobuf-es</text>
  <text class="small" x="20" y="46">Geometric mean over all frame types, ${runtime.version}</text>
  ${drawn.join("\n  ")}
  <text class="small" x="20" y="${height - 16}">Dashed: both ends must share state that grew from earlier frames.</text>
</svg>
`;
}

/** A comparison as a picture: cold starts upwards, idle memory to the right; nearer to the corner is better. Plain SVG, the same bytes for the same outcome. */

import type { KeepAlive } from "../scheduler/policy.ts";
import { type Compared, nameOf } from "./compare.ts";

const WIDTH = 880;
const HEIGHT = 420;
const LEFT = 64;
/** For the names of the points. */
const RIGHT = 220;
const TOP = 48;
const BOTTOM = 56;
const TICKS = 5;
const COLOURS: Readonly<Record<KeepAlive, string>> = {
  fixed: "#0f766e",
  histogram: "#b45309",
  "greedy-dual": "#6d28d9",
};

export function drawComparison(title: string, compared: readonly Compared[]): string {
  const points = compared.map((one) => ({
    x: one.outcome.idleGbHours,
    y: (100 * one.outcome.cold) / one.outcome.calls,
    name: nameOf(one),
    keepAlive: one.keepAlive,
  }));
  const xTop = roundUp(Math.max(...points.map(({ x }) => x)));
  const yTop = roundUp(Math.max(...points.map(({ y }) => y)));
  const across = (x: number) => round(LEFT + (x / xTop) * (WIDTH - LEFT - RIGHT));
  const up = (y: number) => round(HEIGHT - BOTTOM - (y / yTop) * (HEIGHT - TOP - BOTTOM));
  const lines: string[] = [];
  for (let tick = 0; tick <= TICKS; tick++) {
    const x = across((xTop * tick) / TICKS);
    const y = up((yTop * tick) / TICKS);
    lines.push(
      `<path d="M${x} ${TOP}V${HEIGHT - BOTTOM}M${LEFT} ${y}H${WIDTH - RIGHT}" stroke="#e5e7eb"/>`,
      `<text x="${x}" y="${HEIGHT - BOTTOM + 18}" text-anchor="middle">${round((xTop * tick) / TICKS)}</text>`,
      `<text x="${LEFT - 8}" y="${y + 4}" text-anchor="end">${round((yTop * tick) / TICKS)}</text>`,
    );
  }
  for (const keepAlive of Object.keys(COLOURS) as KeepAlive[]) {
    const own = points.filter((point) => point.keepAlive === keepAlive).sort((left, right) => left.x - right.x);
    if (own.length > 1) {
      const path = own.map(({ x, y }) => `${across(x)} ${up(y)}`).join("L");
      lines.push(`<path d="M${path}" fill="none" stroke="${COLOURS[keepAlive]}" stroke-opacity="0.4"/>`);
    }
    for (const { x, y, name } of own) {
      const number = points.findIndex((point) => point.name === name) + 1;
      const row = TOP + 18 * number;
      lines.push(
        mark(across(x), up(y), number, COLOURS[keepAlive]),
        mark(WIDTH - RIGHT + 24, row, number, COLOURS[keepAlive]),
        `<text x="${WIDTH - RIGHT + 38}" y="${row + 4}" fill="${COLOURS[keepAlive]}">${escapeXml(name)}</text>`,
      );
    }
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="#374151" role="img">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT}" y="26" font-size="15" font-weight="600">${escapeXml(title)}</text>`,
    ...lines,
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 14}" text-anchor="middle">memory of idle workers, GB-hours</text>`,
    `<text transform="translate(18 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">cold starts, % of calls</text>`,
    "</svg>",
    "",
  ].join("\n");
}

/** The next of some round numbers times a power of ten. */
function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return round([1, 2, 2.5, 4, 5, 6, 8, 10].find((step) => step * power >= value)! * power);
}

const mark = (x: number, y: number, number: number, colour: string): string =>
  `<circle cx="${x}" cy="${y}" r="8" fill="${colour}"/><text x="${x}" y="${y + 3.5}" text-anchor="middle" font-size="10" fill="#fff">${number}</text>`;

const round = (value: number): number => Number(value.toFixed(3));
const escapeXml = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

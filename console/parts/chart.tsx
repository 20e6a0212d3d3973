/** Time series. Each line has a name and a figure beside its colour, and the whole a sentence for those who cannot see it. */
import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface Series {
  readonly name: string;
  /** A custom property of the style sheet: `--accent`. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
  readonly kind?: "line" | "area" | "bars";
  readonly dash?: boolean;
}

interface ChartProps {
  readonly label: string;
  readonly seconds: readonly number[];
  readonly series: readonly Series[];
  /** Areas lie on top of one another. */
  readonly stacked?: boolean;
  readonly height?: number;
  readonly unit?: (value: number) => string;
  /** There are no halves of it. */
  readonly whole?: boolean;
}

const plain = (value: number): string => value.toLocaleString("en", { maximumFractionDigits: 2 });

const WHOLE = [1, 2, 5]
  .flatMap((step) => [1, 10, 100, 1000, 10_000, 100_000].map((tens) => step * tens))
  .sort((a, b) => a - b);

const DAY_SECONDS = 86_400;

/** Seconds are told only where they differ, and days where a whole one lies between. Days are UTC's, as AWS bills them. */
function clock(seconds: readonly number[], dataStep: number): string[] {
  const [first = 0, second = first + 60] = seconds;
  if (dataStep >= DAY_SECONDS) {
    return seconds.map((at) =>
      at % DAY_SECONDS === 0
        ? new Date(at * 1000).toLocaleString("en", { day: "numeric", month: "short", timeZone: "UTC" })
        : "",
    );
  }
  return seconds.map((at) => {
    const date = new Date(at * 1000);
    const parts = [date.getHours(), date.getMinutes(), ...(second - first < 60 ? [date.getSeconds()] : [])];
    return parts.map((part) => String(part).padStart(2, "0")).join(":");
  });
}

const stepOf = (seconds: ArrayLike<number>): number => (seconds.length > 1 ? seconds[1]! - seconds[0]! : 1);

/** What lies between two lines of the time axis, in seconds. */
const INCREMENTS = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 21_600, 43_200].concat(
  [1, 2, 3, 5, 7, 14].map((days) => days * DAY_SECONDS),
);

/** Areas are summed from the last to the first, which is then drawn first and behind. */
function drawn(series: readonly Series[], stacked: boolean): (number | null)[][] {
  // A bar of no height would still be a line.
  if (!stacked)
    return series.map(({ values, kind }) => values.map((value) => (kind === "bars" ? value || null : value)));
  const result: (number | null)[][] = [];
  let below: (number | null)[] | undefined;
  for (const { values, kind } of series.toReversed()) {
    if (kind !== "area") {
      result.unshift([...values]);
      continue;
    }
    const base = below;
    const sum: (number | null)[] = values.map((value, i) => (value === null ? null : value + (base?.[i] ?? 0)));
    result.unshift(sum);
    below = sum;
  }
  return result;
}

export function Chart({
  label,
  seconds,
  series,
  stacked = false,
  height = 190,
  unit = plain,
  whole = true,
}: ChartProps) {
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const [scheme, setScheme] = useState(0);
  const latest = useRef({ series, unit });
  latest.current = { series, unit };
  const shape = series.map(({ name, kind }) => name + kind).join();

  useEffect(() => {
    const again = () => setScheme((value) => value + 1);
    const media = matchMedia("(prefers-color-scheme: dark)");
    media.addEventListener("change", again);
    const observer = new MutationObserver(again);
    observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    return () => {
      media.removeEventListener("change", again);
      observer.disconnect();
    };
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another shape or other colours make another chart; data is set below
  useEffect(() => {
    const host = element.current!;
    // Custom properties hold light-dark(), which only a used value resolves; of an element of its own, which no transition still holds back.
    const colour = (name: string): string => {
      const probe = document.createElement("span");
      probe.style.color = `var(${name})`;
      host.append(probe);
      const { color } = getComputedStyle(probe);
      probe.remove();
      return color;
    };
    const axis = {
      stroke: colour("--soft"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: "11px system-ui",
    };
    const bars = uPlot.paths.bars!({ size: [0.8, 26] });
    const chart = new uPlot(
      {
        width: host.clientWidth,
        height,
        legend: { show: false },
        cursor: { y: false, points: { show: false } },
        scales: {
          x: {
            // A bar stands on its second, half of it before.
            range: (self, low, high) => {
              const half = latest.current.series[0]?.kind === "bars" ? stepOf(self.data[0]) / 2 : 0;
              return [low - half, high + half];
            },
          },
          y: { range: (_self, _low, high) => [0, (whole ? Math.max(1, high * 1.08) : high * 1.08) || 1] },
        },
        padding: [8, 10, 0, 0],
        axes: [
          { ...axis, size: 26, values: (self, seconds) => clock(seconds, stepOf(self.data[0])), incrs: INCREMENTS },
          {
            ...axis,
            size: whole ? 44 : 68,
            ...(whole ? { incrs: WHOLE } : {}),
            values: (_self, values) => values.map((value) => latest.current.unit(value)),
          },
        ],
        series: [
          {},
          ...latest.current.series.map(({ name, colour: property, kind = "line", dash }) => ({
            label: name,
            stroke: colour(property),
            width: kind === "line" ? 1.75 : 1,
            points: { show: false },
            ...(dash ? { dash: [5, 4] } : {}),
            ...(kind === "line" ? {} : { fill: colour(property).replace(/^rgb\((.*)\)$/, "rgba($1, 0.55)") }),
            ...(kind === "bars" ? { paths: bars } : {}),
          })),
        ],
      },
      [[], ...latest.current.series.map(() => [])],
      host,
    );
    plot.current = chart;
    const observer = new ResizeObserver(() => chart.setSize({ width: host.clientWidth, height }));
    observer.observe(host);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [shape, scheme, height]);

  useEffect(() => {
    plot.current?.setData([[...seconds], ...drawn(series, stacked)] as uPlot.AlignedData);
  });

  const now = series.map(({ name, values }) => `${name} ${unit(values.findLast((value) => value !== null) ?? 0)}`);
  return (
    <figure className="chart">
      <figcaption>
        <b>{label}</b>
        {series.map(({ name, colour: property, values, kind = "line", dash }) => (
          <span key={name} className="legend">
            <i className={`${kind}${dash ? " dash" : ""}`} style={{ color: `var(${property})` }} aria-hidden="true" />
            {name} <b>{unit(values.findLast((value) => value !== null) ?? 0)}</b>
          </span>
        ))}
      </figcaption>
      <div ref={element} role="img" aria-label={`${label}: ${now.join(", ")}`} />
    </figure>
  );
}

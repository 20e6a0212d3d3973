// A recorded run as a picture: what was measured above, tasks wanted and running below, one time axis.

const WIDTH = 1100;
const LEFT = 64;
const RIGHT = 20;
const PANELS = { use: { top: 56, height: 170 }, sent: { top: 262, height: 80 }, tasks: { top: 378, height: 130 } };
const HEIGHT = 560;
const COLOURS = { cpu: "#c2410c", memory: "#7c3aed", sent: "#0f766e", desired: "#94a3b8", running: "#1d4ed8" };

/** Minutes between two marks of the time axis. */
const TICK = 2;

export function draw({ end, phases, workingDay, evening, samples: all, moves, measured, firstAnswers }) {
  const samples = all.filter(({ minute }) => minute >= 0);
  const x = (minute) => LEFT + ((WIDTH - LEFT - RIGHT) * minute) / end;
  const y = ({ top, height }, value, most) => top + height - (height * Math.min(value, most)) / most;
  const line = (panel, points, most, colour) =>
    `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points
      .map(({ minute, value }) => `${x(minute).toFixed(1)},${y(panel, value, most).toFixed(1)}`)
      .join(" ")}"/>`;
  const steps = (panel, name, most, colour, width) => {
    const points = samples.flatMap((sample, index) => {
      const before = samples[index - 1];
      const here = [{ minute: Math.max(0, sample.minute), value: sample[name] }];
      return before ? [{ minute: sample.minute, value: before[name] }, ...here] : here;
    });
    return line(panel, points, most, colour).replace('stroke-width="2"', `stroke-width="${width}"`);
  };
  // A metric's minute is drawn at its middle.
  const middles = (points = []) => points.map(({ minute, value }) => ({ minute: minute + 0.5, value }));
  const text = (at, top, words, more = "") => `<text x="${at}" y="${top}" ${more}>${words}</text>`;
  const axis = (panel, most, unit, marks) =>
    marks
      .map((mark) => {
        const at = y(panel, mark, most).toFixed(1);
        return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}" stroke="#e2e8f0"/>${text(LEFT - 8, Number(at) + 4, `${mark}${unit}`, 'text-anchor="end"')}`;
      })
      .join("");
  const most = Math.max(4, ...samples.map(({ desired, running }) => Math.max(desired, running)));
  const sent = middles(measured.sent).map(({ minute, value }) => ({ minute, value: value / 1e6 }));
  const mostSent = Math.max(1, Math.ceil(Math.max(0, ...sent.map(({ value }) => value))));
  const bands = phases
    .map(({ from, to, what }, index) => {
      const fill = index % 2 ? "#f1f5f9" : "#ffffff";
      return `<rect x="${x(from)}" y="40" width="${x(to) - x(from)}" height="${HEIGHT - 90}" fill="${fill}"/>${text((x(from) + x(to)) / 2, 34, what, 'text-anchor="middle" fill="#475569"')}`;
    })
    .join("");
  const moment = (minute, words) =>
    `<line x1="${x(minute)}" x2="${x(minute)}" y1="40" y2="${HEIGHT - 50}" stroke="#64748b" stroke-dasharray="3 3"/>${text(x(minute) + 4, PANELS.tasks.top + 12, words, 'fill="#475569"')}`;
  const ticks = Array.from({ length: Math.floor(end / TICK) + 1 }, (_, index) =>
    text(x(index * TICK), HEIGHT - 34, index * TICK, 'text-anchor="middle"'),
  ).join("");
  // Under what it leads up to, or before what it leads down to, there is room for what caused a step.
  const causes = moves
    .filter(({ by }) => by !== "the minimum")
    .map(({ minute, to, by }) => {
      const before = samples.findLast((sample) => sample.minute < minute)?.desired ?? to;
      const up = to > before;
      const at = up ? x(minute) + 5 : x(minute) - 5;
      const anchor = up ? "start" : "end";
      const level = y(PANELS.tasks, up ? before : to, most) - 6;
      return text(at, level, by, `text-anchor="${anchor}" fill="#64748b" font-style="italic"`);
    })
    .join("");
  const runningAt = (minute) => samples.findLast((sample) => sample.minute <= minute)?.running ?? 1;
  // Requests that found no task.
  const wakes = firstAnswers
    .map(({ minute, ms }) => ({ at: minute - ms / 60_000, ms }))
    .filter(({ at }) => at > 0.5 && runningAt(at) === 0)
    .map(({ at, ms }) => {
      const label = `a request wakes it: ${(ms / 1000).toFixed(1)} s`;
      return `<line x1="${x(at)}" x2="${x(at)}" y1="40" y2="${HEIGHT - 50}" stroke="${COLOURS.running}" stroke-dasharray="3 3"/>${text(x(at) - 4, PANELS.tasks.top + 12, label, `text-anchor="end" fill="${COLOURS.running}"`)}`;
    })
    .join("");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="11" fill="#334155">
<title>A service that follows its load</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>
${bands}
${axis(PANELS.use, 110, " %", [0, 50, 100])}
${axis(PANELS.sent, mostSent, " MB/s", [0, mostSent])}
${axis(
  PANELS.tasks,
  most,
  "",
  Array.from({ length: most + 1 }, (_, mark) => mark),
)}
${moment(workingDay, "min. 2")}
${evening < end ? moment(evening, "min. 0") : ""}
${wakes}
${line(PANELS.use, middles(measured.cpu), 110, COLOURS.cpu)}
${line(PANELS.use, middles(measured.memory), 110, COLOURS.memory)}
${line(PANELS.sent, sent, mostSent, COLOURS.sent)}
${steps(PANELS.tasks, "desired", most, COLOURS.desired, 5)}
${steps(PANELS.tasks, "running", most, COLOURS.running, 2)}
${causes}
${text(LEFT, PANELS.use.top - 4, "CPU of each task", `fill="${COLOURS.cpu}"`)}
${text(LEFT + 110, PANELS.use.top - 4, "memory of each task", `fill="${COLOURS.memory}"`)}
${text(LEFT, PANELS.sent.top - 6, "sent by each task", `fill="${COLOURS.sent}"`)}
${text(LEFT, PANELS.tasks.top - 6, "tasks wanted", 'fill="#64748b"')}
${text(LEFT + 90, PANELS.tasks.top - 6, "tasks running", `fill="${COLOURS.running}"`)}
${ticks}
${text(WIDTH / 2, HEIGHT - 14, "minutes", 'text-anchor="middle"')}
</svg>
`;
}

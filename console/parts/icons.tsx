/** The console's pictures: one stroke, twenty by twenty. Each stands beside a word, never for one. */
const PATHS = {
  map: "M4 5a2 2 0 1 0 4 0 2 2 0 1 0-4 0M12 10a2 2 0 1 0 4 0 2 2 0 1 0-4 0M4 15a2 2 0 1 0 4 0 2 2 0 1 0-4 0M8 5.8l4.3 3.2M8 14.2l4.3-3.2",
  trace: "M3 5h8M6 10h9M9 15h8",
  elastic: "M3 15l4-6 3 3 3-7 4 10",
  cost: "M10 3v14M14 6.2C13.3 5 12 4.5 10 4.5c-2.4 0-4 1-4 2.7C6 11 14 9 14 12.8c0 1.7-1.6 2.7-4 2.7-2.2 0-3.6-.7-4.2-2",
  stack: "M10 3l7 3.5-7 3.5-7-3.5zM3 10l7 3.5 7-3.5M3 13.5l7 3.5 7-3.5",
  lambda: "M6 4h2.5l5 12H16M9.6 8.5L5.5 16",
  queue: "M3 6h4v8H3zM8.5 6h4v8h-4zM14 6h3v8h-3",
  table: "M3 4.5h14v11H3zM3 8.5h14M8 8.5v7",
  bucket: "M4 6c0-1 2.7-2 6-2s6 1 6 2-2.7 2-6 2-6-1-6-2zM4 6l1.5 9.5c.2.8 2 1.5 4.5 1.5s4.300-.7 4.500-1.500L16 6",
  mail: "M3 5h14v10H3zM3 5.500l7 5 7-5",
  log: "M5 3h7l3 3v11H5zM8 9h4M8 12h4",
  clock: "M10 3a7 7 0 1 0 0 14 7 7 0 1 0 0-14M10 6v4l3 2",
  parameter: "M4 6h7M15 6h1M4 14h1M9 14h7M11 4v4h3V4zM5.500 12v4h3v-4z",
  key: "M7 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 1 0 0-7M10.500 10H17M14 10v3M17 10v2.500",
  outside: "M10 3a7 7 0 1 0 0 14 7 7 0 1 0 0-14M3 10h14M10 3c-4 4-4 10 0 14M10 3c4 4 4 10 0 14",
  topic: "M10 4v12M10 10L4 5M10 10l6-5M10 10l-6 5M10 10l6 5",
  api: "M7 6L3 10l4 4M13 6l4 4-4 4",
  container: "M3 6.500L10 3l7 3.500v7L10 17l-7-3.500zM3 6.500l7 3.500 7-3.500M10 10v7",
  role: "M10 3l6 2.500v4c0 4-2.500 6.500-6 7.500-3.500-1-6-3.500-6-7.500v-4z",
  other: "M5 5h10v10H5z",
  search: "M9 4a5 5 0 1 0 0 10A5 5 0 1 0 9 4M13 13l4 4",
  copy: "M7 7h9v9H7zM4 13V4h9",
  close: "M5 5l10 10M15 5L5 15",
  menu: "M3 6h14M3 10h14M3 14h14",
  more: "M10 5v.01M10 10v.01M10 15v.01",
  reload: "M15.500 8A6 6 0 1 0 16 11M16 4v4h-4",
  upload: "M10 14V4M6 8l4-4 4 4M4 16h12",
  download: "M10 4v10M6 10l4 4 4-4M4 17h12",
  trash: "M4 6h12M8 6V4h4v2M6 6l.7 10h6.600L14 6",
  play: "M6 4l10 6-10 6z",
  good: "M4 10.500l4 4 8-9",
  bad: "M10 4v7M10 14.500v.01",
  light:
    "M10 6.500a3.500 3.500 0 1 0 0 7 3.500 3.500 0 1 0 0-7M10 2v1.500M10 16.500V18M2 10h1.500M16.500 10H18M4.500 4.500l1 1M14.500 14.500l1 1M4.500 15.500l1-1M14.500 5.500l1-1",
  terminal: "M4 6l4 4-4 4M10 14h6",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" width={size} height={size} aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

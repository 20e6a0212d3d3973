/** Tables that stay quick with a hundred thousand rows: only what can be seen is drawn. */
import { type ReactNode, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";

export interface Column<Row> {
  readonly key: string;
  readonly title: string;
  /** CSS width; the rest shares what is left. */
  readonly width?: string;
  readonly end?: boolean;
  /** Left out where there is little room. */
  readonly less?: boolean;
  readonly cell: (row: Row) => ReactNode;
  /** The cell is a link of its own, which opens the row. */
  readonly links?: (row: Row) => boolean;
  /** What rows are sorted and searched by. */
  readonly value?: (row: Row) => string | number;
}

interface TableProps<Row> {
  readonly label: string;
  readonly rows: readonly Row[] | undefined;
  readonly columns: readonly Column<Row>[];
  readonly rowKey: (row: Row) => string;
  readonly filter?: boolean;
  readonly empty?: ReactNode;
  readonly onOpen?: (row: Row) => void;
  readonly selected?: string | undefined;
  readonly tools?: ReactNode;
}

const ROW_PX = 32;
/** Drawn beyond what can be seen, on either side. */
const MORE_ROWS = 8;

const classOf = <Row,>({ end, less }: Column<Row>): string | undefined =>
  [end && "end", less && "less"].filter(Boolean).join(" ") || undefined;

export function Table<Row>(props: TableProps<Row>) {
  const { label, rows, columns, rowKey, filter, empty, onOpen, selected, tools } = props;
  const [text, setText] = useState("");
  const [order, setOrder] = useState<{ key: string; down: boolean }>();
  const scroller = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({ from: 0, to: 60 });

  const shown = useMemo(() => {
    let list = rows ?? [];
    const wanted = text.trim().toLowerCase();
    if (wanted !== "") {
      list = list.filter((row) =>
        columns.some(({ value }) => value && String(value(row)).toLowerCase().includes(wanted)),
      );
    }
    const by = order && columns.find(({ key }) => key === order.key)?.value;
    if (order && by) {
      const sign = order.down ? -1 : 1;
      list = [...list].sort((a, b) => {
        const [x, y] = [by(a), by(b)];
        return (
          sign *
          (typeof x === "number" && typeof y === "number"
            ? x - y
            : String(x).localeCompare(String(y), "en", { numeric: true }))
        );
      });
    }
    return list;
  }, [rows, columns, text, order]);

  const look = useCallback(() => {
    const element = scroller.current;
    if (!element) return;
    const from = Math.max(0, Math.floor(element.scrollTop / ROW_PX) - MORE_ROWS);
    const to = Math.ceil((element.scrollTop + element.clientHeight) / ROW_PX) + MORE_ROWS;
    setSeen((before) => (before.from === from && before.to === to ? before : { from, to }));
  }, []);
  useLayoutEffect(look, [look]);
  useEffect(() => {
    const observer = new ResizeObserver(look);
    observer.observe(scroller.current!);
    return () => observer.disconnect();
  }, [look]);

  const from = Math.min(seen.from, Math.max(0, shown.length - 1));
  const visible = shown.slice(from, seen.to);
  const after = Math.max(0, shown.length - from - visible.length);
  return (
    <div className="table-part">
      {(filter || tools) && (
        <div className="table-tools">
          {filter && (
            <input
              type="search"
              className="filter"
              data-key="/"
              placeholder="Filter"
              aria-label={`Filter ${label}`}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          )}
          {tools}
          <span className="quantity" role="status">
            {rows && (shown.length === rows.length ? `${rows.length}` : `${shown.length} of ${rows.length}`)}
          </span>
        </div>
      )}
      <div className="scroller" ref={scroller} onScroll={look} tabIndex={-1}>
        <table aria-label={label} aria-rowcount={shown.length + 1} aria-busy={rows === undefined}>
          <colgroup>
            {columns.map(({ key, width, less }) => (
              <col key={key} className={less ? "less" : undefined} style={width ? { width } : undefined} />
            ))}
          </colgroup>
          <thead>
            <tr>
              {columns.map((column) => {
                const { key, title, value } = column;
                const sorted = order?.key === key ? (order.down ? "descending" : "ascending") : undefined;
                return (
                  <th key={key} scope="col" className={classOf(column)} aria-sort={sorted}>
                    {value ? (
                      <button
                        type="button"
                        onClick={() => setOrder({ key, down: order?.key === key ? !order.down : false })}
                      >
                        {title}
                        <span aria-hidden="true">{sorted ? (order!.down ? " ↓" : " ↑") : ""}</span>
                      </button>
                    ) : (
                      title
                    )}
                  </th>
                );
              })}
            </tr>
          </thead>
          <tbody>
            {from > 0 && <tr style={{ height: from * ROW_PX }} />}
            {visible.map((row, i) => {
              const key = rowKey(row);
              return (
                <tr
                  key={key}
                  aria-rowindex={from + i + 2}
                  aria-selected={selected === undefined ? undefined : selected === key}
                  className={onOpen ? "opens" : undefined}
                  onClick={(event) => {
                    if (onOpen && !(event.target as Element).closest("a, button, input")) onOpen(row);
                  }}
                >
                  {columns.map((column, at) => (
                    <td key={column.key} className={classOf(column)}>
                      {at === 0 && onOpen && !column.links?.(row) ? (
                        <button type="button" className="row-link" onClick={() => onOpen(row)}>
                          {column.cell(row)}
                        </button>
                      ) : (
                        column.cell(row)
                      )}
                    </td>
                  ))}
                </tr>
              );
            })}
            {after > 0 && <tr style={{ height: after * ROW_PX }} />}
          </tbody>
        </table>
        {rows?.length === 0 && <div className="empty">{empty ?? "Nothing here yet."}</div>}
        {rows && rows.length > 0 && shown.length === 0 && <div className="empty">Nothing matches “{text}”.</div>}
        {rows === undefined && <div className="empty">Loading…</div>}
      </div>
    </div>
  );
}

/** The live map: what a stack is made of, and what really goes from where to where. */
import {
  Background,
  BaseEdge,
  Controls,
  type Edge,
  type EdgeProps,
  getBezierPath,
  Handle,
  MiniMap,
  type Node,
  type NodeProps,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
} from "@xyflow/react";
import "@xyflow/react/dist/style.css";
import { memo, useEffect, useMemo, useRef, useState } from "react";
import { command } from "../aws/command.ts";
import { type GraphEdge, type GraphNode, keyOf, OUTSIDE } from "../live/graph.ts";
import { layout, type Place } from "../live/layout.ts";
import { bringHistory, graph, onSteps, useSpanRevision } from "../live/spans.ts";
import { useLoaded } from "../live/use-call.ts";
import { count, duration, nameOf, time } from "../parts/format.ts";
import { Icon, type IconName } from "../parts/icons.tsx";
import { Empty, Facts, Page } from "../parts/page.tsx";
import { kindOf, placeOf } from "../resources.ts";
import { href, refine, useRoute } from "../routes.ts";
import { listQueues, waiting } from "./queues.tsx";
import { listStacks, stackResources } from "./stacks.tsx";

/** What a stack declares besides what is in use. */
const DECLARED = { used: "In use", idle: "And idle", all: "All declared" } as const;
/** As the style sheet draws them; told, so that nothing has to be measured before it is drawn. */
const NODE_PX = { width: 208, height: 64 };
const LOOSE_PX = { width: 208, height: 42 };
/** A map as narrow as this is not shown whole: nobody could read it. */
const TELEPHONE_PX = 560;
const READABLE_ZOOM = 0.75;
/** The panel beside the map has taken its room by then. */
const SETTLED_MS = 80;
/** How far below its ends a line swings that leads back to the left. */
const BACK_PX = 64;
/** A step is seen on its line for this long. */
const TRAVEL_MS = 1100;
/** A small map needs none; a large one would be drawn twice with every movement. */
const MINIMAP_MIN = 24;
const MINIMAP_MAX = 400;
const TRAVELLERS_PER_EDGE = 3;
const TRAVELLERS_MAX = 60;

interface Declared {
  readonly type: string;
  readonly name: string;
  readonly logicalId: string;
  readonly stack: string;
}

async function declared(stack: string | undefined): Promise<Declared[]> {
  const names = stack ? [stack] : (await listStacks()).map(({ StackName }) => StackName);
  const found = await Promise.all(
    names.map(async (name) =>
      (await stackResources(name)).map(({ ResourceType, PhysicalResourceId, LogicalResourceId }) => ({
        type: ResourceType,
        name: nameOf(PhysicalResourceId ?? LogicalResourceId),
        logicalId: LogicalResourceId,
        stack: name,
      })),
    ),
  );
  return found.flat();
}

type NodeData = {
  readonly title: string;
  readonly word: string;
  readonly icon: IconName;
  readonly figures: string;
  /** Told where several stacks are shown. */
  readonly stack: string | undefined;
  readonly errors: number;
  readonly depth: number | undefined;
  readonly quiet: boolean;
  readonly loose: boolean;
};
type EdgeData = { readonly count: number; readonly errors: number; readonly travellers: readonly number[] };

export function MapPage() {
  return (
    <ReactFlowProvider>
      <LiveMap />
    </ReactFlowProvider>
  );
}

/** Numbers of the steps that are on their way along each line. */
function useTravellers(): ReadonlyMap<string, readonly number[]> {
  const travellers = useRef(new Map<string, number[]>());
  const [, redraw] = useState(0);
  useEffect(() => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let ids = 0;
    const stop = onSteps((steps) => {
      if (calm || document.visibilityState === "hidden") return;
      let all = 0;
      for (const list of travellers.current.values()) all += list.length;
      for (const { key } of steps) {
        const list = travellers.current.get(key) ?? [];
        // More could not be told apart; the count says how many there were.
        if (list.length >= TRAVELLERS_PER_EDGE || all >= TRAVELLERS_MAX) continue;
        all++;
        const id = ids++;
        travellers.current.set(key, [...list, id]);
        setTimeout(() => {
          const rest = travellers.current.get(key)!.filter((other) => other !== id);
          if (rest.length > 0) travellers.current.set(key, rest);
          else travellers.current.delete(key);
          redraw((value) => value + 1);
        }, TRAVEL_MS);
      }
    });
    void bringHistory();
    return stop;
  }, []);
  return travellers.current;
}

/** Of the span graph, what touches the stack; all of it where none is chosen. */
function visible(resources: readonly Declared[], stack: string | undefined): Set<string> {
  const own = new Set(resources.map(keyOf));
  const keys = new Set<string>();
  if (!stack) for (const key of graph.nodes.keys()) keys.add(key);
  else {
    for (const { from, to } of graph.edges.values()) {
      if (!own.has(from) && !own.has(to)) continue;
      keys.add(from);
      keys.add(to);
    }
    for (const key of graph.nodes.keys()) if (own.has(key)) keys.add(key);
  }
  return keys;
}

function LiveMap() {
  const route = useRoute();
  const stack = route.query.get("stack") ?? undefined;
  const selected = route.query.get("node") ?? undefined;
  const stacks = useLoaded(listStacks, [], { services: ["cloudformation"] });
  const resources = useLoaded(() => declared(stack), [stack], { services: ["cloudformation"] });
  const queues = useLoaded(listQueues, [], { services: ["sqs", "lambda"] });
  const travellers = useTravellers();
  useSpanRevision();
  const which = (route.query.get("show") ?? "idle") as keyof typeof DECLARED;
  const flow = useReactFlow();

  const logical = useMemo(
    () => new Map((resources.data ?? []).map((resource) => [keyOf(resource), resource])),
    [resources.data],
  );
  const depths = useMemo(
    () => new Map(queues.data?.map(({ name, attributes }) => [`AWS::SQS::Queue|${name}`, waiting(attributes)])),
    [queues.data],
  );
  // The graph only grows: as long as it has as many nodes and lines, everything lies where it lay.
  const sizes = `${graph.nodes.size} ${graph.edges.size}`;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the sizes stand for the graph
  const { edges, looseKeys, places } = useMemo(() => {
    const shown = visible(resources.data ?? [], stack);
    const lines = [...graph.edges.values()].filter(({ from, to }) => shown.has(from) && shown.has(to));
    const connected = new Set(lines.flatMap(({ from, to }) => [from, to]));
    const declaredKeys = [...logical].flatMap(([key, { type }]) =>
      which === "all" || (which === "idle" && kindOf(type).acts) ? [key] : [],
    );
    const loose = new Set([...declaredKeys, ...shown].filter((key) => !connected.has(key)));
    return { edges: lines, looseKeys: loose, places: layout([...connected].sort(), lines, [...loose]) };
  }, [sizes, logical, stack, which]);
  const several = !stack && (stacks.data?.length ?? 0) > 1;

  const kept = useRef(new Map<string, { readonly text: string; readonly element: object }>());
  const nodes = [...places].map(([key, position]) => {
    const seen = graph.nodes.get(key);
    const depth = depths.get(key);
    const chosenNow = key === selected;
    const text = `${position.x} ${position.y} ${seen?.count} ${seen?.errors} ${depth} ${chosenNow} ${logical.has(key)} ${several}`;
    return same(kept.current, key, text, (): Node<NodeData> => {
      const [type = "", name = ""] = key.split(/\|(.*)/s);
      const resource = logical.get(key);
      const kind = kindOf(type);
      const figures = figuresOf(seen);
      return {
        id: key,
        type: "resource",
        position,
        ...(looseKeys.has(key) ? LOOSE_PX : NODE_PX),
        selected: chosenNow,
        ariaLabel: [
          `${kind.word} ${resource?.logicalId ?? name}`,
          ...(several && resource ? [`of ${resource.stack}`] : []),
          figures || "nothing happened",
          ...(depth ? [`${count(depth)} waiting`] : []),
        ].join(", "),
        data: {
          title: resource?.logicalId ?? name,
          word: kind.word,
          icon: kind.icon,
          figures,
          stack: several ? resource?.stack : undefined,
          errors: seen?.errors ?? 0,
          depth,
          quiet: !seen || seen.count === 0,
          loose: looseKeys.has(key),
        },
      };
    });
  });
  const lines = edges.map((edge) => {
    const travelling = travellers.get(edge.key);
    return same(kept.current, edge.key, `${edge.count} ${edge.errors} ${travelling}`, () => lineOf(edge, travelling));
  });

  // The view fits again when what there is to see has changed, unless a person has moved it; then what was chosen is only brought into sight.
  const moved = useRef<string>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: as said above
  useEffect(() => {
    const timer = setTimeout(() => {
      const box = document.querySelector(".map")?.getBoundingClientRect();
      if (!box) return;
      const place = selected && places.get(selected);
      if (moved.current !== (stack ?? "")) {
        if (box.width > TELEPHONE_PX) void flow.fitView({ padding: 0.08, maxZoom: 1, duration: 250 });
        else if (!place) void flow.setViewport(beginning(places, box.height));
        if (box.width > TELEPHONE_PX || !place) return;
      }
      if (!place) return;
      const middle = { x: place.x + NODE_PX.width / 2, y: place.y + NODE_PX.height / 2 };
      const { x, y } = flow.flowToScreenPosition(middle);
      if (x > box.left + 60 && x < box.right - 60 && y > box.top && y < box.bottom) return;
      void flow.setCenter(middle.x, middle.y, { zoom: flow.getZoom(), duration: 250 });
    }, SETTLED_MS);
    return () => clearTimeout(timer);
  }, [places, flow, selected]);

  const chosen = selected
    ? { key: selected, node: graph.nodes.get(selected), resource: logical.get(selected) }
    : undefined;
  return (
    <Page
      title="Map"
      icon="map"
      fill
      error={resources.error}
      commands={[
        command("cloudformation", "DescribeStackResources", { StackName: stack ?? "NAME" }),
        command("xray", "GetTraceSummaries", { StartTime: "…", EndTime: "…" }),
      ]}
      facts={
        <span>
          What really happened in the last hour and since:{" "}
          {count([...graph.edges.values()].reduce((sum, edge) => sum + edge.count, 0))} steps.
        </span>
      }
      actions={
        <>
          <select
            aria-label="Resources"
            value={which}
            onChange={(event) =>
              refine(route, { show: event.target.value === "idle" ? undefined : event.target.value })
            }
          >
            {Object.entries(DECLARED).map(([key, title]) => (
              <option key={key} value={key}>
                {title}
              </option>
            ))}
          </select>
          <select
            aria-label="Stack"
            value={stack ?? ""}
            onChange={(event) => refine(route, { stack: event.target.value || undefined, node: undefined })}
          >
            <option value="">Everything</option>
            {stacks.data?.map(({ StackName }) => (
              <option key={StackName}>{StackName}</option>
            ))}
          </select>
        </>
      }
    >
      {places.size === 0 && resources.data ? (
        <Empty>Nothing is there yet. Deploy a stack, or call something.</Empty>
      ) : (
        <div className={chosen ? "split" : "split whole"}>
          <div className="map">
            <ReactFlow
              nodes={nodes}
              edges={lines}
              nodeTypes={NODE_TYPES}
              edgeTypes={EDGE_TYPES}
              onlyRenderVisibleElements
              nodesConnectable={false}
              nodesDraggable={false}
              edgesFocusable={false}
              minZoom={0.05}
              maxZoom={1.6}
              proOptions={{ hideAttribution: true }}
              onNodeClick={(_event, node) => refine(route, { node: node.id })}
              onMove={(event) => {
                if (event) moved.current = stack ?? "";
              }}
              onPaneClick={() => refine(route, { node: undefined })}
              onKeyDown={(event) => {
                const id = (event.target as HTMLElement).closest<HTMLElement>(".react-flow__node")?.dataset["id"];
                if (id && (event.key === "Enter" || event.key === " ")) refine(route, { node: id });
              }}
              aria-label="Map of resources"
            >
              <Background gap={22} size={1} />
              <Controls showInteractive={false} />
              {nodes.length > MINIMAP_MIN && nodes.length < MINIMAP_MAX && (
                <MiniMap pannable zoomable ariaLabel="The whole map" />
              )}
            </ReactFlow>
          </div>
          {chosen && (
            <NodeView {...chosen} depth={depths.get(chosen.key)} onClose={() => refine(route, { node: undefined })} />
          )}
        </div>
      )}
    </Page>
  );
}

/** Where work begins, large enough to be read. */
function beginning(places: ReadonlyMap<string, Place>, height: number): { x: number; y: number; zoom: number } {
  const first = Math.min(...[...places.values()].map(({ x }) => x));
  const rows = [...places.values()].filter(({ x }) => x === first).map(({ y }) => y);
  const middle = (Math.min(...rows) + Math.max(...rows) + NODE_PX.height) / 2;
  return { x: 12 - first * READABLE_ZOOM, y: height / 2 - middle * READABLE_ZOOM, zoom: READABLE_ZOOM };
}

/** The object from before where nothing about it has changed: what is the same is not drawn again. @param text what it depends on */
function same<E extends object>(
  kept: Map<string, { readonly text: string; readonly element: object }>,
  key: string,
  text: string,
  make: () => E,
): E {
  const before = kept.get(key);
  if (before?.text === text) return before.element as E;
  const element = make();
  kept.set(key, { text, element });
  return element;
}

const lineOf = (
  { key, from, to, count: times, errors }: GraphEdge,
  travelling: readonly number[] = [],
): Edge<EdgeData> => ({
  id: key,
  source: from,
  target: to,
  type: "steps",
  data: { count: times, errors, travellers: travelling },
});

function figuresOf(node: GraphNode | undefined): string {
  const parts: string[] = [];
  if (node && node.count > 0) parts.push(`${count(node.count)}×`);
  if (node && node.key !== keyOf(OUTSIDE) && node.count > 0) parts.push(`⌀ ${duration(node.busyMs / node.count)}`);
  if (node && node.coldStarts > 0) parts.push(`${node.coldStarts} cold`);
  return parts.join(" · ");
}

const ResourceNode = memo(({ data }: NodeProps<Node<NodeData>>) => (
  <div
    title={data.stack ? `${data.word} ${data.title} of ${data.stack}` : `${data.word} ${data.title}`}
    className={`map-node${data.quiet ? " quiet" : ""}${data.errors > 0 ? " bad" : ""}${data.loose ? " loose" : ""}`}
  >
    {!data.loose && <Handle type="target" position={Position.Left} isConnectable={false} />}
    <Icon name={data.icon} size={18} />
    <div>
      <b>{data.title}</b>
      <small>{data.loose ? (data.stack ?? data.word) : data.figures || data.word}</small>
      {!data.loose && data.stack && <small className="map-stack">{data.stack}</small>}
    </div>
    {data.errors > 0 && (
      <span className="state bad" title="Errors">
        {count(data.errors)} {data.errors === 1 ? "error" : "errors"}
      </span>
    )}
    {data.depth !== undefined && data.depth > 0 && <span className="state warn">{count(data.depth)} waiting</span>}
    {!data.loose && <Handle type="source" position={Position.Right} isConnectable={false} />}
  </div>
));

const StepsEdge = memo((props: EdgeProps<Edge<EdgeData>>) => {
  const [path, x, y] = props.targetX < props.sourceX ? wayBack(props) : getBezierPath(props);
  const { count: times = 0, errors = 0, travellers = [] } = props.data ?? {};
  const width = 1.25 + Math.min(3, Math.log10(1 + times));
  return (
    <>
      <BaseEdge id={props.id} path={path} className={errors > 0 ? "bad" : ""} style={{ strokeWidth: width }} />
      <text className="map-count" x={x} y={y - 6} textAnchor="middle">
        {count(times)}
        {errors > 0 ? ` (${errors} failed)` : ""}
      </text>
      {travellers.map((id) => (
        <circle
          key={id}
          r="4.5"
          className="traveller"
          style={{ offsetPath: `path("${path}")`, animationDuration: `${TRAVEL_MS}ms` }}
        />
      ))}
    </>
  );
});

/** A line that leads to the left swings below both of its ends, where it crosses little. */
function wayBack({ sourceX, sourceY, targetX, targetY }: EdgeProps): [string, number, number] {
  const low = Math.max(sourceY, targetY) + BACK_PX;
  const middle = (sourceX + targetX) / 2;
  const start = `M${sourceX},${sourceY} C${sourceX + BACK_PX},${sourceY} ${sourceX + BACK_PX},${low} ${sourceX},${low}`;
  return [
    `${start} L${targetX},${low} C${targetX - BACK_PX},${low} ${targetX - BACK_PX},${targetY} ${targetX},${targetY}`,
    middle,
    low,
  ];
}

const NODE_TYPES = { resource: ResourceNode };
const EDGE_TYPES = { steps: StepsEdge };

interface NodeViewProps {
  readonly node: GraphNode | undefined;
  readonly resource: Declared | undefined;
  readonly depth: number | undefined;
  onClose(): void;
}

function NodeView({ node, resource, depth, onClose }: NodeViewProps) {
  const type = resource?.type ?? node?.type ?? "";
  const name = resource?.name ?? node?.name ?? "";
  const place = placeOf(type, name);
  const list = (edges: Iterable<GraphEdge>, end: "from" | "to", other: "from" | "to") =>
    [...edges]
      .filter((edge) => edge[end] === node?.key)
      .map((edge) => `${graph.nodes.get(edge[other])?.name ?? edge[other]} (${count(edge.count)})`)
      .join(", ");
  return (
    <aside className="detail" aria-label="The resource">
      <header>
        <h2>
          <Icon name={kindOf(type).icon} /> {resource?.logicalId ?? name}
        </h2>
        <button type="button" className="quiet" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <div className="actions">
        {resource && (
          <a className="button" href={href(["stacks", resource.stack])}>
            {resource.stack}
          </a>
        )}
        {place && (
          <a className="button" href={href(place)}>
            Open
          </a>
        )}
        <a className="button" href={href(["traces"], { q: name })}>
          Traces
        </a>
        {type === "AWS::Lambda::Function" && (
          <a className="button" href={href(["logs", `/aws/lambda/${name}`])}>
            Logs
          </a>
        )}
      </div>
      <Facts
        entries={[
          ["Type", type],
          ["Name", name],
          ["Waiting", depth === undefined ? undefined : count(depth)],
          ["Calls", node ? count(node.count) : "none yet"],
          ["Errors", node ? count(node.errors) : undefined],
          ["Cold starts", node?.coldStarts ? count(node.coldStarts) : undefined],
          ["On average", node && node.count > 0 ? duration(node.busyMs / node.count) : undefined],
          ["Last", node && node.lastMs > 0 ? time(node.lastMs, true) : undefined],
          ["Comes from", list(graph.edges.values(), "to", "from")],
          ["Goes to", list(graph.edges.values(), "from", "to")],
        ]}
      />
    </aside>
  );
}

/** What everything that serves one event source mapping works with. */
import type { FlowContext, Principal } from "../service.ts";
import { resolveTarget, type Target } from "./execution.ts";
import { locate } from "./names.ts";
import { type MappingRecord, mappingKey, mappings, type StreamSettings } from "./state.ts";
import type { Functions } from "./stored.ts";

export interface StreamWork {
  readonly functions: Functions;
  readonly flow: FlowContext;
  readonly mapping: MappingRecord;
  readonly settings: StreamSettings;
  readonly signal: AbortSignal;
}

type MappingWork = Pick<StreamWork, "functions" | "flow" | "mapping">;

/** The function as it is now, and its role. */
export async function lookUp({
  functions,
  flow,
  mapping,
}: MappingWork): Promise<{ readonly target: Target; readonly principal: Principal }> {
  const target = await flow.write((tx, context) => resolveTarget(tx, locate(mapping.functionArn, context), context));
  const { principal } = await functions.roles.assume(flow, target.record.role, target.at.name);
  return { target, principal };
}

/** Keeps the last result with the mapping. Most results are like the one before, and then nothing is written. */
export async function note({ flow, mapping }: MappingWork, result: string): Promise<void> {
  await flow.write((tx, context) => {
    const stored = mappings.get(tx, mappingKey(context, mapping.uuid));
    if (!stored || stored.lastProcessingResult === result) return;
    mappings.put(tx, mappingKey(context, mapping.uuid), { ...stored, lastProcessingResult: result });
  });
}

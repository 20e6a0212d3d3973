/** Tells the host what is provisioned: whenever that changes, and for everything when the platform starts. */
import { AwsError } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext } from "../service.ts";
import { describe, resolveTarget, type Target } from "./execution.ts";
import { type FunctionLocator, functionArn } from "./names.ts";
import { type FunctionSpec, runtimeUnavailable } from "./ports.ts";
import { allocation, type ProvisionedChange, provisionedChanged, provisionedOf } from "./provisioned.ts";
import { places, provisionedNames } from "./state.ts";
import type { Functions } from "./stored.ts";

export interface Provisioner {
  follow(flow: FlowContext, change: ProvisionedChange): Promise<void>;
  open(flow: FlowContext): Promise<void>;
}

export function createProvisioner(functions: Functions): Provisioner {
  /** What the host was told, by function and version. */
  const told = new Map<string, Map<string, FunctionSpec>>();

  return {
    async follow(platform, { at }) {
      const flow = platform.as({ accountId: at.accountId, region: at.region });
      const arn = functionArn(at);
      const wanted = await flow.write((tx, context) => wantedOf(tx, at, context));
      const before = told.get(arn) ?? new Map<string, FunctionSpec>();
      const now = new Map<string, FunctionSpec>();
      for (const [version, { target, count }] of wanted) {
        const spec = await describe(functions, flow, target);
        now.set(version, spec);
        try {
          functions.host.provision(spec, count);
        } catch (error) {
          if (runtimeUnavailable(error) === undefined) throw error;
          flow.log.warn("Provisioned concurrency cannot be had", { function: `${arn}:${version}`, error });
        }
      }
      for (const [version, spec] of before) if (!now.has(version)) functions.host.provision(spec, 0);
      if (now.size > 0) told.set(arn, now);
      else told.delete(arn);
    },

    async open(flow) {
      await flow.write((tx) => {
        for (const place of places(tx))
          for (const name of provisionedNames(tx, place)) provisionedChanged(tx, { ...place, name });
      });
    },
  };
}

type Wanted = Map<string, { readonly target: Target; readonly count: number }>;

/** Workers by version; several configurations may come to the same one. */
function wantedOf(
  tx: Transaction,
  at: Omit<FunctionLocator, "qualifier">,
  context: Parameters<typeof resolveTarget>[2],
): Wanted {
  const wanted: Wanted = new Map();
  for (const record of provisionedOf(tx, at))
    for (const [version, count] of allocation(tx, at, record)) {
      try {
        const target = resolveTarget(tx, { ...at, qualifier: version }, context);
        wanted.set(version, { target, count: (wanted.get(version)?.count ?? 0) + count });
      } catch (error) {
        // The version is gone: so is what was provisioned for it.
        if (!(error instanceof AwsError)) throw error;
      }
    }
  return wanted;
}

/** Outputs, the exports among them, and who imports them. */
import type {
  ListExportsCommandInput,
  ListExportsCommandOutput,
  ListImportsCommandInput,
  ListImportsCommandOutput,
} from "@aws-sdk/client-cloudformation";
import { AwsError } from "../../kernel/errors.ts";
import { decodeKey } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { OperationContext } from "../service.ts";
import { evaluationOf } from "./deployments.ts";
import type { Engine } from "./engine/types.ts";
import { validationError } from "./errors.ts";
import { page } from "./rules.ts";
import { type Home, imports, keys, resources, type Stack, type StackOutput, stackExports } from "./state.ts";
import type { Lookup } from "./template/evaluate.ts";
import { resolveText, scopeOf } from "./template/evaluate.ts";
import { resolve } from "./template/intrinsics.ts";

/** What a stack's resources and other stacks' exports say, as of this transaction. Imports are noted in `imported`. */
export function lookupOf(tx: Transaction, home: Home, stack: Stack, imported: Set<string>): Lookup {
  return {
    resource(logicalId) {
      const resource = resources.get(tx, keys.resource(home, stack.uuid, logicalId));
      return resource?.physicalId === undefined
        ? undefined
        : { id: resource.physicalId, attributes: resource.attributes };
    },
    importValue(name) {
      const exported = stackExports.get(tx, keys.export(home, name));
      if (!exported) throw validationError(`No export named ${name} found.`);
      imported.add(name);
      return exported.value;
    },
  };
}

/**
 * Resolves the outputs of a stack whose resources are all there, and makes its exports and imports what its template says.
 * @returns why not; undefined when all is well
 */
export function publish(engine: Engine, tx: Transaction, context: OperationContext, stack: Stack): string | undefined {
  const evaluation = evaluationOf(engine, tx, context, stack, stack.deployment!);
  const imported = new Set<string>();
  const scope = scopeOf(evaluation, lookupOf(tx, context, stack, imported));
  const outputs: StackOutput[] = [];
  try {
    for (const [name, output] of evaluation.outputs) {
      outputs.push({
        name,
        value: resolveText(output.value, scope, `value of output ${name}`),
        ...(output.description === undefined ? {} : { description: output.description }),
        ...(output.exportName === undefined
          ? {}
          : { exportName: resolveText(output.exportName, scope, `export name of output ${name}`) }),
      });
    }
    for (const resource of evaluation.resources.values()) resolve(resource.properties, scope);
  } catch (error) {
    if (error instanceof AwsError) return `${error.message} `;
    throw error;
  }
  const problem = exportProblem(tx, context, stack, outputs);
  if (problem !== undefined) return `${problem} `;
  dropExports(tx, context, stack);
  for (const { exportName, value } of outputs) {
    if (exportName === undefined) continue;
    stackExports.put(tx, keys.export(context, exportName), { stackUuid: stack.uuid, stackId: stack.stackId, value });
  }
  stack.outputs = outputs;
  noteImports(tx, context, stack, imported);
  return undefined;
}

function exportProblem(
  tx: Transaction,
  context: OperationContext,
  stack: Stack,
  outputs: readonly StackOutput[],
): string | undefined {
  const values = new Map<string, string>();
  for (const { exportName, value } of outputs) {
    if (exportName === undefined) continue;
    const taken = stackExports.get(tx, keys.export(context, exportName));
    if (values.has(exportName)) return `Export with name ${exportName} is declared more than once.`;
    if (taken && taken.stackUuid !== stack.uuid) {
      return `Export with name ${exportName} is already exported by stack ${taken.stackId.split("/")[1]}.`;
    }
    values.set(exportName, value);
  }
  for (const { exportName, value } of stack.outputs) {
    if (exportName === undefined) continue;
    const users = importersOf(tx, context, exportName);
    if (users.length === 0) continue;
    if (!values.has(exportName))
      return `Export ${exportName} cannot be deleted as it is in use by ${users.join(" and ")}`;
    if (values.get(exportName) !== value) {
      return `Export ${exportName} cannot be updated as it is in use by ${users.join(" and ")}`;
    }
  }
  return undefined;
}

/** Names of the stacks that import an export. */
export function importersOf(tx: Transaction, home: Home, exportName: string): string[] {
  const { start, end } = keys.imports(home, exportName);
  return [...imports.range(tx, start, end)].map(([, row]) => row.stackName);
}

/** Why a stack cannot be deleted: somebody uses what it exports. */
export function exportInUse(tx: Transaction, home: Home, stack: Stack): string | undefined {
  for (const { exportName } of stack.outputs) {
    if (exportName === undefined) continue;
    const users = importersOf(tx, home, exportName);
    if (users.length > 0) return `Export ${exportName} cannot be deleted as it is in use by ${users.join(" and ")}`;
  }
  return undefined;
}

/** Sets which exports a stack imports. */
export function noteImports(tx: Transaction, home: Home, stack: Stack, names: ReadonlySet<string>): void {
  for (const name of stack.imports) if (!names.has(name)) tx.delete(keys.import(home, name, stack.uuid));
  for (const name of names) imports.put(tx, keys.import(home, name, stack.uuid), { stackName: stack.stackName });
  stack.imports = [...names];
}

export function dropExports(tx: Transaction, home: Home, stack: Stack): void {
  for (const { exportName } of stack.outputs) {
    if (exportName === undefined) continue;
    if (stackExports.get(tx, keys.export(home, exportName))?.stackUuid === stack.uuid) {
      tx.delete(keys.export(home, exportName));
    }
  }
}

const PAGE = 100;

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListExports.html */
export function listExports(
  tx: Transaction,
  input: ListExportsCommandInput,
  context: OperationContext,
): Omit<ListExportsCommandOutput, "$metadata"> {
  const { start, end } = keys.exports(context);
  const all = [...stackExports.range(tx, start, end)].map(([entry, row]) => ({
    Name: decodeKey(entry)[4] as string,
    Value: row.value,
    ExportingStackId: row.stackId,
  }));
  const { items, nextToken } = page(all, PAGE, input.NextToken, (item) => item.Name);
  return { Exports: items, ...(nextToken === undefined ? {} : { NextToken: nextToken }) };
}

/** @see https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListImports.html */
export function listImports(
  tx: Transaction,
  input: ListImportsCommandInput,
  context: OperationContext,
): Omit<ListImportsCommandOutput, "$metadata"> {
  const name = input.ExportName ?? "";
  const users = importersOf(tx, context, name);
  if (users.length === 0) throw validationError(`Export '${name}' is not imported by any stack.`);
  const { items, nextToken } = page(users.sort(), PAGE, input.NextToken, (item) => item);
  return { Imports: items, ...(nextToken === undefined ? {} : { NextToken: nextToken }) };
}

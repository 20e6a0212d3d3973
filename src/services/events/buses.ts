/** Event buses: create, describe, list, change, delete. */
import { keysUnder, keysWithPrefix } from "../../storage/keys.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { policyOf } from "./bus-policies.ts";
import { busExists, limitExceeded, validation } from "./errors.ts";
import { BUSES_MAX, checkNewBusName, findBus, locateBus, pageOf, requireBus, tagsOf } from "./limits.ts";
import { type Bus, Buses, busArn, busKey, DEFAULT_BUS, Rules, type Where } from "./state.ts";

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html */
export function createEventBus(
  tx: Transaction,
  input: InputOf<"events", "CreateEventBus">,
  context: OperationContext,
): OutputOf<"events", "CreateEventBus"> {
  const name = checkNewBusName(input.Name);
  new Constraints().length("description", input.Description, 0, 512).check();
  const tags = tagsOf(input.Tags);
  if (name === DEFAULT_BUS || findBus(tx, context, name)) throw busExists(name);
  const { start, end } = keysUnder("events", context.accountId, context.region, "bus");
  if ([...tx.range(start, end)].length >= BUSES_MAX) throw limitExceeded();
  Buses.put(tx, busKey(context, name), {
    name,
    createdMs: context.nowMs,
    modifiedMs: context.nowMs,
    ...(input.Description === undefined ? {} : { description: input.Description }),
    tags,
  });
  return {
    EventBusArn: busArn(context, name),
    ...(input.Description === undefined ? {} : { Description: input.Description }),
  };
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_UpdateEventBus.html */
export function updateEventBus(
  tx: Transaction,
  input: InputOf<"events", "UpdateEventBus">,
  context: OperationContext,
): OutputOf<"events", "UpdateEventBus"> {
  new Constraints().length("description", input.Description, 0, 512).check();
  const at = locateBus(context, input.Name, "name");
  const { description: _before, ...rest } = requireBus(tx, at, at.name);
  const description = input.Description === undefined ? {} : { description: input.Description };
  Buses.put(tx, busKey(at, at.name), { ...rest, ...description, modifiedMs: context.nowMs });
  return {
    Arn: busArn(at, at.name),
    Name: at.name,
    ...(input.Description === undefined ? {} : { Description: input.Description }),
  };
}

/** A bus that is not there is deleted already. @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteEventBus.html */
export function deleteEventBus(
  tx: Transaction,
  input: InputOf<"events", "DeleteEventBus">,
  context: OperationContext,
): OutputOf<"events", "DeleteEventBus"> {
  new Constraints().required("name", input.Name).check();
  const at = locateBus(context, input.Name, "name");
  if (at.name === DEFAULT_BUS) throw validation("Cannot delete event bus default.");
  if (!findBus(tx, at, at.name)) return {};
  const { start, end } = keysUnder("events", at.accountId, at.region, "rule", at.name);
  if (!Rules.range(tx, start, end, { limit: 1 }).next().done) {
    throw validation("Event bus can't be deleted since it has rules.");
  }
  tx.delete(busKey(at, at.name));
  return {};
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DescribeEventBus.html */
export function describeEventBus(
  tx: Transaction,
  input: InputOf<"events", "DescribeEventBus">,
  context: OperationContext,
): OutputOf<"events", "DescribeEventBus"> {
  const at = locateBus(context, input.Name, "name");
  return shown(at, requireBus(tx, at, at.name));
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListEventBuses.html */
export function listEventBuses(
  tx: Transaction,
  input: InputOf<"events", "ListEventBuses">,
  context: OperationContext,
): OutputOf<"events", "ListEventBuses"> {
  const prefix = input.NamePrefix ?? "";
  const { start, end } = keysWithPrefix(["events", context.accountId, context.region, "bus"], prefix);
  const buses = [...Buses.range(tx, start, end)].map(([, bus]) => bus);
  if (DEFAULT_BUS.startsWith(prefix) && !buses.some(({ name }) => name === DEFAULT_BUS)) {
    buses.push(findBus(tx, context, DEFAULT_BUS)!);
    buses.sort((left, right) => (left.name < right.name ? -1 : 1));
  }
  const { items, token } = pageOf(buses, ({ name }) => name, input);
  return { EventBuses: items.map((bus) => shown(context, bus)), ...(token ? { NextToken: token } : {}) };
}

function shown(at: Where, bus: Bus) {
  const policy = policyOf(bus);
  return {
    Name: bus.name,
    Arn: busArn(at, bus.name),
    ...(bus.description === undefined ? {} : { Description: bus.description }),
    ...(policy === undefined ? {} : { Policy: policy }),
    CreationTime: new Date(bus.createdMs),
    LastModifiedTime: new Date(bus.modifiedMs),
  };
}

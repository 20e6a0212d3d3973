/**
 * Capacity provider strategies: how many tasks run on FARGATE and how many on FARGATE_SPOT. Here both are this machine, and nothing interrupts a
 * Spot task; what differs is what it costs.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html
 */
import type { CapacityProviderStrategyItem } from "@aws-sdk/client-ecs";
import { invalidParameter } from "./errors.ts";

export type Provider = "FARGATE" | "FARGATE_SPOT";
const BASE_MAX = 100_000;
const WEIGHT_MAX = 1000;
const ITEMS_MAX = 20;

/**
 * The capacity providers that tasks are spread over: those asked for, else the cluster's own; none where a launch type is named.
 * @throws InvalidParameterException
 */
export function chosenStrategy(
  input: {
    readonly launchType?: string | undefined;
    readonly capacityProviderStrategy?: readonly CapacityProviderStrategyItem[] | undefined;
  },
  cluster: {
    readonly capacityProviders: readonly string[];
    readonly defaultStrategy: readonly CapacityProviderStrategyItem[];
  },
): readonly CapacityProviderStrategyItem[] {
  const { launchType, capacityProviderStrategy = [] } = input;
  if (launchType !== undefined && capacityProviderStrategy.length > 0) {
    throw invalidParameter(
      "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
    );
  }
  // Tasks run as on Fargate whether it is named or not; the others are refused.
  if (launchType !== undefined && launchType !== "FARGATE") {
    throw invalidParameter(`Virga runs tasks on the launch type FARGATE alone, not on ${launchType}.`);
  }
  if (capacityProviderStrategy.length > 0) return checkStrategy(capacityProviderStrategy, cluster.capacityProviders);
  return launchType === undefined ? cluster.defaultStrategy : [];
}

/** @throws InvalidParameterException */
export function checkStrategy(
  strategy: readonly CapacityProviderStrategyItem[],
  associated?: readonly string[],
): CapacityProviderStrategyItem[] {
  if (strategy.length > ITEMS_MAX) {
    throw invalidParameter(`The capacity provider strategy cannot have more than ${ITEMS_MAX} capacity providers.`);
  }
  for (const { capacityProvider, base = 0, weight = 0 } of strategy) {
    if (capacityProvider !== "FARGATE" && capacityProvider !== "FARGATE_SPOT") {
      throw invalidParameter(`The specified capacity provider '${capacityProvider}' was not found.`);
    }
    if (associated && !associated.includes(capacityProvider)) {
      throw invalidParameter(
        "The specified capacity provider strategy contains a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.",
      );
    }
    if (base < 0 || base > BASE_MAX)
      throw invalidParameter(`The base value of a capacity provider is between 0 and ${BASE_MAX}.`);
    if (weight < 0 || weight > WEIGHT_MAX)
      throw invalidParameter(`The weight of a capacity provider is between 0 and ${WEIGHT_MAX}.`);
  }
  if (new Set(strategy.map(({ capacityProvider }) => capacityProvider)).size < strategy.length) {
    throw invalidParameter("The capacity provider strategy cannot contain duplicate capacity providers.");
  }
  if (strategy.filter(({ base = 0 }) => base > 0).length > 1) {
    throw invalidParameter("Only one capacity provider in a strategy can have a base defined.");
  }
  if (strategy.length > 0 && strategy.every(({ weight = 0 }) => weight === 0) && strategy.length > 1) {
    throw invalidParameter("At least one capacity provider in a strategy must have a weight greater than zero.");
  }
  return strategy.map(({ capacityProvider, base = 0, weight = 0 }) => ({ capacityProvider, base, weight }));
}

/** Where the next task goes: bases first, then whoever is furthest below its share. */
export function nextProvider(
  strategy: readonly CapacityProviderStrategyItem[],
  running: Readonly<Partial<Record<Provider, number>>>,
): Provider {
  const items = strategy as readonly (CapacityProviderStrategyItem & { capacityProvider: Provider })[];
  const short = items.find(({ capacityProvider, base = 0 }) => (running[capacityProvider] ?? 0) < base);
  if (short) return short.capacityProvider;
  const weighted = items.filter(({ weight = 0 }) => weight > 0);
  const beyond = ({ capacityProvider, base = 0 }: (typeof items)[number]) => (running[capacityProvider] ?? 0) - base;
  const [first] = [...weighted].sort(
    (left, right) => (beyond(left) + 1) / left.weight! - (beyond(right) + 1) / right.weight!,
  );
  return (first ?? items[0]!).capacityProvider;
}

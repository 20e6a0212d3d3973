/** Virga's services as tables to read: built without the outside world, so nothing of them can run. */
import { createServices, type ServicePorts } from "../src/platform/services.ts";
import type { Service } from "../src/services/service.ts";

/** Answers every question with itself: services may hold it, and none is asked anything. */
const absent: unknown = new Proxy(() => absent, { get: (_target, name) => (name === "then" ? undefined : absent) });

export function listServices(): readonly Service[] {
  return createServices(absent as ServicePorts);
}

/** Names of the operations that a service has, in order. */
export function operationsOf(service: Service): string[] {
  return [...Object.keys(service.operations), ...Object.keys(service.flows ?? {})].sort();
}

/** AWS X-Ray: the traces of everything that ran here of late, and of applications that trace themselves. */
import { defineService, type Service } from "../service.ts";
import { batchGetTraces, getTraceSummaries, putTraceSegments, type XrayPorts } from "./traces.ts";

export function createXray(ports: XrayPorts): Service<"xray"> {
  return defineService<"xray">({
    name: "xray",
    operations: {},
    flows: {
      BatchGetTraces: batchGetTraces(ports),
      GetTraceSummaries: getTraceSummaries(ports),
      PutTraceSegments: putTraceSegments(ports),
    },
    unsupported: {
      BatchGetTraces: ["NextToken"],
      GetTraceSummaries: ["Sampling", "SamplingStrategy"],
    },
  });
}

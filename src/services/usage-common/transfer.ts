/**
 * Data that leaves for the internet: the bodies of answers. Whoever asks over HTTP stands for somebody out there, on the loopback interface too; what code
 * fetches in its role (a function, a task) stays in the region and is free, as on AWS. Headers are not counted.
 *
 * @see https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer and https://docs.aws.amazon.com/cur/latest/userguide/cur-data-transfers-charges.html
 */
import { type Readable, Transform } from "node:stream";
import type { FlowContext, HttpRequest, HttpResponse } from "../service.ts";

const USAGE_TYPE = "DataTransfer-Out-Bytes";

type Using = Pick<FlowContext, "use">;

export function transferOut(on: Using, resource: string, bytes: number): void {
  if (bytes > 0) on.use({ resource, usageType: USAGE_TYPE, quantity: bytes });
}

/** Counts an answer's body: at once where its length is known, else when it has been sent, or cut off. */
export function transferred(
  on: Using,
  resource: string,
  request: Pick<HttpRequest, "method">,
  response: HttpResponse,
  count: (bytes: number) => void = (bytes) => transferOut(on, resource, bytes),
): HttpResponse {
  const { body } = response;
  if (body === undefined || request.method === "HEAD") return response;
  if (typeof body === "string") count(Buffer.byteLength(body));
  else if (body instanceof Uint8Array) count(body.byteLength);
  else if (response.headers["content-length"] !== undefined) count(Number(response.headers["content-length"]));
  else return { ...response, body: counted(body, count) };
  return response;
}

function counted(body: Readable, count: (bytes: number) => void): Readable {
  let bytes = 0;
  const through = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  through.once("close", () => count(bytes));
  body.once("error", (error) => through.destroy(error));
  through.once("close", () => body.destroy());
  return body.pipe(through);
}

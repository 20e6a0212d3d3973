/** What the Host header says: which bucket a virtual-hosted S3 request is for. */

/** `LOCALHOST:4566` → `localhost`; `[::1]:4566` → `[::1]` */
export function hostName(header: string | undefined): string {
  if (!header) return "localhost";
  const end = header.startsWith("[") ? header.indexOf("]") + 1 : header.indexOf(":");
  return (end <= 0 ? header : header.slice(0, end)).toLowerCase();
}

/** Hosts that are the endpoint itself and no bucket's. */
const IP = /^(\d{1,3}\.){3}\d{1,3}$|^\[/;

/**
 * The bucket that a host names: `photos.s3.localhost`, `photos.s3.us-east-1.localhost`, `photos.localhost`. Dots may stand in bucket names.
 * Undefined for path-style hosts.
 */
export function bucketOfHost(host: string): string | undefined {
  if (host === "localhost" || IP.test(host)) return undefined;
  const labelled = /^(?:(.+)\.)?s3(?:[.-][a-z]{2}(?:-[a-z]+)+-\d)?\.(?:localhost|amazonaws\.com)$/.exec(host);
  if (labelled) return labelled[1];
  return host.endsWith(".localhost") ? host.slice(0, -".localhost".length) : undefined;
}

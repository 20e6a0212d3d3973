/**
 * What happens to one upload. It may happen twice, because events are delivered at least once, and it may be cut off anywhere: the renditions are
 * the same every time, and `result.json`, written last and only if it is not there, is what counts.
 */

import {
  faultOf,
  PICTURE_BYTES_MAX,
  type RenditionName,
  type Result,
  renditionKey,
  resultKey,
  Unusable,
} from "./picture.ts";
import type { Pixels, Rendered } from "./render.ts";

/** The world, as far as this needs it. */
export interface Ports {
  readonly load: () => Promise<Buffer>;
  readonly render: (picture: Buffer) => Promise<Rendered>;
  readonly isDone: (key: string) => Promise<boolean>;
  readonly save: (key: string, content: Buffer | string, contentType: string) => Promise<void>;
  /** Keeps what is there already. */
  readonly saveOnce: (key: string, content: string) => Promise<void>;
  /** Hands the upload to whoever looks after pictures that cannot be processed. */
  readonly giveUp: (reason: string) => Promise<void>;
}

/** @throws whatever may pass: it is tried again */
export async function processPicture(id: string, bytes: number, ports: Ports): Promise<Result | "done before"> {
  if (await ports.isDone(resultKey(id))) return "done before";
  let result: Result;
  try {
    if (bytes > PICTURE_BYTES_MAX) {
      throw new Unusable("too-large", `The file is larger than ${PICTURE_BYTES_MAX / 1024 ** 2} MB.`);
    }
    const rendered = await developed(await ports.load(), ports);
    const [thumbnail, web] = await Promise.all([
      keep(id, "thumbnail", rendered.thumbnail, ports),
      keep(id, "web", rendered.web, ports),
    ]);
    result = { state: "ready", original: { ...rendered.original, bytes }, thumbnail, web };
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    result = { state: "failed", reason: error.reason, message: error.message };
    // First, so that whoever reads of the failure finds the upload there.
    await ports.giveUp(error.message);
  }
  await ports.saveOnce(resultKey(id), JSON.stringify(result));
  return result;
}

/** @throws Unusable when the picture is at fault */
async function developed(picture: Buffer, ports: Ports): Promise<Rendered> {
  try {
    return await ports.render(picture);
  } catch (error) {
    throw faultOf(error) ?? error;
  }
}

async function keep(id: string, name: RenditionName, { data, width, height }: Pixels, ports: Ports) {
  const key = renditionKey(id, name);
  await ports.save(key, data, "image/webp");
  return { key, width, height, bytes: data.length };
}

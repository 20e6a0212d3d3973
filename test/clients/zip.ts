/** Archives of sources, as functions are uploaded. */
import { buffer } from "node:stream/consumers";
import { ZipFile } from "yazl";

export function zip(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const archive = new ZipFile();
  for (const [name, content] of Object.entries(files)) archive.addBuffer(Buffer.from(content), name);
  archive.end();
  return buffer(archive.outputStream);
}

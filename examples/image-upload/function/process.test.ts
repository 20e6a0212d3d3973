/** The whole of a picture's processing, with real pixels and a world in memory that fails where it is told to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import sharp from "sharp";
import { PICTURE_BYTES_MAX, renditionKey, resultKey } from "./picture.ts";
import { type Ports, processPicture } from "./process.ts";
import { render } from "./render.ts";

const ID = "0f8fad5b-d9cb-469f-a165-70867728950e";

function world(picture: Buffer, more: Partial<Ports> = {}) {
  const saved = new Map<string, Buffer | string>();
  const given: string[] = [];
  const ports: Ports = {
    load: async () => picture,
    render,
    isDone: async (key) => saved.has(key),
    save: async (key, content) => void saved.set(key, content),
    saveOnce: async (key, content) => {
      if (!saved.has(key)) saved.set(key, content);
    },
    giveUp: async (reason) => void given.push(reason),
    ...more,
  };
  return { saved, given, ports, run: (bytes = picture.length) => processPicture(ID, bytes, ports) };
}

/** Left half red, right half blue, as the sensor saw it. */
async function photograph(width: number, height: number, orientation: number): Promise<Buffer> {
  const half = { create: { width: width / 2, height, channels: 3 as const, background: "#0000ff" } };
  return sharp({ create: { width, height, channels: 3, background: "#ff0000" } })
    .composite([{ input: await sharp(half).png().toBuffer(), left: width / 2, top: 0 }])
    .withMetadata({ orientation })
    .jpeg({ quality: 95 })
    .toBuffer();
}

test("both renditions are the right way up, and carry no metadata", async () => {
  // 6: the camera was turned; a viewer shows red above blue.
  const { saved, run } = world(await photograph(2400, 1800, 6));
  const result = await run();
  assert.ok(result !== "done before" && result.state === "ready");
  assert.deepEqual([result.original.width, result.original.height], [1800, 2400]);
  assert.deepEqual([result.web.width, result.web.height], [1200, 1600]);
  assert.deepEqual([result.thumbnail.width, result.thumbnail.height], [240, 320]);
  for (const name of ["web", "thumbnail"] as const) {
    const image = sharp(saved.get(renditionKey(ID, name)) as Buffer);
    const { exif, orientation, format } = await image.metadata();
    assert.deepEqual([exif, orientation, format], [undefined, undefined, "webp"]);
    const { data, info } = await image.removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const pixel = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
    const [top, bottom] = [pixel(info.width >> 1, 10), pixel(info.width >> 1, info.height - 10)];
    assert.ok(top[0]! > 200 && top[2]! < 60, `red above: ${top}`);
    assert.ok(bottom[2]! > 200 && bottom[0]! < 60, `blue below: ${bottom}`);
  }
  assert.deepEqual(JSON.parse(saved.get(resultKey(ID)) as string), result);
});

test("a small picture stays small", async () => {
  const result = await world(await photograph(100, 80, 1)).run();
  assert.ok(result !== "done before" && result.state === "ready");
  assert.deepEqual([result.web.width, result.thumbnail.width], [100, 100]);
});

test("damaged, foreign and huge pictures fail for good, and are handed on once", async () => {
  const whole = await photograph(400, 300, 1);
  const bomb = await sharp({
    create: { width: 12_000, height: 6_000, channels: 3, background: "#fff" },
    limitInputPixels: false,
  })
    .png({ compressionLevel: 9 })
    .toBuffer();
  for (const [what, picture, reason] of [
    ["cut off", whole.subarray(0, whole.length / 2), "not-a-picture"],
    ["text", Buffer.from("hello"), "not-a-picture"],
    ["a program", Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'), "not-a-picture"],
    ["nothing", Buffer.alloc(0), "not-a-picture"],
    ["72 million pixels in a small file", bomb, "too-large"],
  ] as const) {
    const { saved, given, run } = world(picture);
    const result = await run();
    assert.ok(result !== "done before" && result.state === "failed", what);
    assert.equal(result.reason, reason, what);
    assert.deepEqual(given, [result.message], what);
    assert.deepEqual([...saved.keys()], [resultKey(ID)], what);
  }
});

test("a file that is too large is not even loaded", async () => {
  const { given, run } = world(Buffer.alloc(0), { load: () => assert.fail("was loaded") });
  const result = await run(PICTURE_BYTES_MAX + 1);
  assert.ok(result !== "done before" && result.state === "failed" && result.reason === "too-large");
  assert.equal(given.length, 1);
});

test("twice is once; cut off anywhere, the next run completes it", async () => {
  const picture = await photograph(400, 300, 1);
  const once = world(picture);
  await once.run();
  assert.equal(await once.run(), "done before");

  for (const step of ["load", "save", "saveOnce"] as const) {
    const { saved, given, run, ports } = world(picture);
    const works = ports[step] as (...given: unknown[]) => Promise<unknown>;
    let failures = 1;
    Object.assign(ports, {
      [step]: async (...given: unknown[]) => {
        if (failures-- > 0) throw new Error("connect ECONNREFUSED");
        return works(...given);
      },
    });
    await assert.rejects(run(), /ECONNREFUSED/);
    const result = await run();
    assert.ok(result !== "done before" && result.state === "ready", step);
    assert.deepEqual(given, [], step);
    assert.equal(saved.size, 3);
  }
});

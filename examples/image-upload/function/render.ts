/** Pixels in, pixels out. */
import sharp from "sharp";
import { NO_PICTURE, PICTURE_PIXELS_MAX, Unusable } from "./picture.ts";

/** Formats that phones and cameras make. SVG and PDF are programs rather than pictures, and are not opened. */
const FORMATS: ReadonlySet<string> = new Set(["jpeg", "png", "webp", "gif", "avif", "heif", "tiff"]);
/** The longer side, in pixels. Smaller pictures are not blown up. */
const THUMBNAIL_PIXELS = 320;
const WEB_PIXELS = 1600;

// A worker has one picture at a time, and its neighbours have pictures too.
sharp.concurrency(1);
sharp.cache(false);

export interface Pixels {
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
}

export interface Rendered {
  readonly original: { readonly width: number; readonly height: number; readonly format: string };
  readonly thumbnail: Pixels;
  readonly web: Pixels;
}

/**
 * The camera's orientation is applied to the pixels, so that every viewer shows both the right way up. All other metadata stays behind: where a
 * picture was taken is nobody's business.
 * @throws Unusable, or sharp's own error
 */
export async function render(picture: Buffer): Promise<Rendered> {
  const { format, autoOrient: original } = await sharp(picture, { limitInputPixels: PICTURE_PIXELS_MAX }).metadata();
  if (!FORMATS.has(format ?? "")) {
    throw new Unusable("not-a-picture", NO_PICTURE);
  }
  const rendition = async (pixels: number, quality: number): Promise<Pixels> => {
    const { data, info } = await sharp(picture, { limitInputPixels: PICTURE_PIXELS_MAX, failOn: "error" })
      .autoOrient()
      .resize({ width: pixels, height: pixels, fit: "inside", withoutEnlargement: true })
      .webp({ quality })
      .toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height };
  };
  // One after the other: the memory of one is enough.
  const web = await rendition(WEB_PIXELS, 82);
  const thumbnail = await rendition(THUMBNAIL_PIXELS, 78);
  return { original: { width: original.width, height: original.height, format: format! }, thumbnail, web };
}

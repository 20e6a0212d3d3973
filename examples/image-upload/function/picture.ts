/**
 * A picture's way through the buckets: which keys are whose, what becomes of it, and why some end badly. Pure; what touches pixels is in
 * `render.ts`.
 */

/** What the upload form may carry. */
export const PICTURE_BYTES_MAX = 20 * 1024 * 1024;
/** More than any camera in a pocket makes; a small file may claim to be larger and cost gigabytes to unpack. */
export const PICTURE_PIXELS_MAX = 60_000_000;

const ID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const UPLOAD = new RegExp(`^uploads/(${ID})$`);

export const uploadKey = (id: string): string => `uploads/${id}`;
export const resultKey = (id: string): string => `pictures/${id}/result.json`;
export const renditionKey = (id: string, name: RenditionName): string => `pictures/${id}/${name}.webp`;

export const isPictureId = (text: string): boolean => new RegExp(`^${ID}$`).test(text);

/**
 * The picture that a key of an event means; undefined for every other key. Renditions have keys of another form, so that even where uploads and
 * results share a bucket, and somebody forgot the filter, a rendition is never rendered again.
 */
export function pictureOf(eventKey: string): string | undefined {
  return UPLOAD.exec(decodeURIComponent(eventKey.replaceAll("+", " ")))?.[1];
}

export type RenditionName = "thumbnail" | "web";

export interface Rendition {
  readonly key: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
}

/** What `result.json` says, once. */
export type Result =
  | {
      readonly state: "ready";
      /** As a viewer shows it: with the camera's orientation applied. */
      readonly original: {
        readonly width: number;
        readonly height: number;
        readonly bytes: number;
        readonly format: string;
      };
      readonly thumbnail: Rendition;
      readonly web: Rendition;
    }
  | { readonly state: "failed"; readonly reason: Reason; readonly message: string };

export type Reason = "not-a-picture" | "too-large";

/** A picture that no further attempt can save. */
export class Unusable extends Error {
  readonly reason: Reason;

  constructor(reason: Reason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What went wrong while a picture was rendered: its own fault, unless there was no memory for it. */
export function faultOf(error: unknown): Unusable | undefined {
  if (error instanceof Unusable) return error;
  const { message } = error as Error;
  if (/exceeds pixel limit/i.test(message)) {
    return new Unusable("too-large", `The picture has more than ${PICTURE_PIXELS_MAX / 1e6} million pixels.`);
  }
  if (/memory/i.test(message)) return undefined;
  return new Unusable("not-a-picture", NO_PICTURE);
}

export const NO_PICTURE = "The file is damaged, or no picture that can be read here.";

import { defineService } from "../service.ts";

export const s3 = defineService<"s3">({ name: "s3", operations: {} });

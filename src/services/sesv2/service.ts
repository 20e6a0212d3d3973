import { defineService } from "../service.ts";

export const sesv2 = defineService<"sesv2">({ name: "sesv2", operations: {} });

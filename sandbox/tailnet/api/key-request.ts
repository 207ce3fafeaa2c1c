import { z } from "zod";
import { messageOf } from "../../failure.ts";
import { Refused } from "./answer.ts";

/** https://tailscale.com/api: 90 days, and what a key gets that asks for nothing. */
const LIFETIME_MAX_S = 90 * 24 * 3_600;
/** What a machine of one build service may ask for at most: it joins at once. */
const OURS_MAX_S = 300;

const schema = z.object({
  keyType: z.literal("auth").optional(),
  capabilities: z.object({
    devices: z.object({
      create: z.object({
        reusable: z.boolean().default(false),
        ephemeral: z.boolean().default(false),
        preauthorized: z.boolean().default(false),
        tags: z.array(z.string()).default([]),
      }),
    }),
  }),
  expirySeconds: z.int().min(1).max(LIFETIME_MAX_S).default(LIFETIME_MAX_S),
  // The API's description: up to 50 characters, of letters, digits, dashes and spaces.
  description: z
    .string()
    .regex(/^[A-Za-z0-9 -]{0,50}$/)
    .default(""),
});

export type KeyRequest = z.infer<typeof schema>;

/** What the client's owner has decided of tags. */
export interface TagRights {
  readonly clientTags: readonly string[];
  /** As the tailnet's policy: which tags own a tag. */
  readonly tagOwners: Readonly<Record<string, readonly string[]>>;
}

/** @throws {Refused} 400 */
export function readKeyRequest(body: unknown): KeyRequest {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new Refused(400, `invalid request body: ${messageOf(z.prettifyError(parsed.error))}`);
}

/**
 * An OAuth client's keys need tags: either exactly its own, or such as its own tags own. @throws
 * {Refused} 400
 */
export function checkTags({ capabilities }: KeyRequest, { clientTags, tagOwners }: TagRights): void {
  const { tags } = capabilities.devices.create;
  if (tags.length === 0) throw new Refused(400, "tailnet-owned auth key must have tags set");
  const exactly = tags.length === clientTags.length && tags.every((tag) => clientTags.includes(tag));
  const owned = tags.every((tag) => tagOwners[tag]?.some((owner) => clientTags.includes(owner)) ?? false);
  if (exactly || owned) return;
  throw new Refused(400, `requested tags [${tags.join(" ")}] are invalid or not permitted`);
}

/**
 * Where the real API would hand out more than any machine should have, the stand-in says so
 * instead. @throws {Refused} 400
 */
export function checkModesty({ capabilities, expirySeconds }: KeyRequest): void {
  const { reusable, ephemeral, preauthorized } = capabilities.devices.create;
  const wrong = [
    reusable ? "it may be used again" : "",
    ephemeral ? "" : "its node would stay",
    preauthorized ? "" : "its node would wait for approval",
    expirySeconds > OURS_MAX_S ? `it is good for ${expirySeconds} seconds` : "",
  ].filter(Boolean);
  if (wrong.length === 0) return;
  throw new Refused(
    400,
    `this stand-in gives single-use, ephemeral, preauthorized keys of ${OURS_MAX_S} seconds at most: ${wrong.join(", ")}`,
  );
}

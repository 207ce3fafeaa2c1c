import type { Json } from "../../authorities/issuer.ts";
import { documents, OTHER_INSTANCE_ID } from "../../platforms.ts";
import type { Forgery } from "../forgery.ts";
import { asEc2, contentTypeAttribute, digestAttribute } from "../message.ts";
import type { Stage } from "../stage.ts";

const HONEST = documents.aws();
export const CONTENT = Buffer.from(JSON.stringify(HONEST));
/** Another instance's. */
export const OTHER = Buffer.from(JSON.stringify({ ...HONEST, instanceId: OTHER_INSTANCE_ID }));
export const ATTRIBUTES = [contentTypeAttribute(), digestAttribute(CONTENT)];

export interface Sent {
  readonly signature: Uint8Array;
  /** What is sent beside it. */
  readonly document: Uint8Array;
}

/** A signature alone is sent beside the honest document. */
export type IdentityForgery = Forgery<() => Promise<Uint8Array | Sent>>;

export const whole = (forged: Uint8Array | Sent): Sent =>
  forged instanceof Uint8Array ? { signature: forged, document: CONTENT } : forged;

export const changed = (changes: Json) => JSON.stringify({ ...HONEST, ...changes });

/** As EC2 signs, whatever is said. */
export const signed =
  ({ openssl, regional }: Stage, content: string): (() => Promise<Sent>) =>
  async () => ({ signature: await asEc2(openssl, content, regional), document: Buffer.from(content) });

import type { Json } from "../../authorities/issuer.ts";
import { documents } from "../../platforms.ts";
import type { Machine } from "../../scene.ts";
import type { Holder } from "../authority.ts";
import type { Forgery } from "../forgery.ts";
import { asAzure } from "../message.ts";
import { AZURE_NAME, named, type Stage } from "../stage.ts";

export interface Sent {
  readonly pkcs7: Uint8Array;
  /** Default: the genuine one. */
  readonly intermediates?: readonly Holder[];
}

/** For this machine's challenge. */
export type Forge = (machine: Machine) => Promise<Sent>;
export type AttestedForgery = Forgery<Forge>;
type Make = () => Promise<Holder>;

export const content = (machine: Machine, changes: Json = {}) =>
  JSON.stringify({ ...documents.azure(machine), ...changes });

/** Signed as Azure does, by somebody else; with the authorities above him. */
export const by =
  ({ openssl, middle }: Stage, holder: Make, above: readonly Make[] = [() => Promise.resolve(middle)]): Forge =>
  async (machine) => ({
    pkcs7: await asAzure(openssl, content(machine), await holder()),
    intermediates: await Promise.all(above.map((one) => one())),
  });

/** By an honest-looking certificate of this authority. */
export const below = (stage: Stage, authority: Make): Forge =>
  by(stage, async () => stage.leaf(named(AZURE_NAME), { issuer: await authority() }), [authority]);

/** Signed by Azure, and not what it has to be. */
export const saying =
  ({ openssl, signer }: Stage, changes: Json): Forge =>
  async (machine) => ({ pkcs7: await asAzure(openssl, content(machine, changes), signer) });

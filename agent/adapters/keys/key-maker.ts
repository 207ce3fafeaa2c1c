import type { KeyMaker } from "../../ports/keys.ts";
import { generatePrivateKey } from "./private-key.ts";

/** Makes ECDSA P-256 keys in this process's memory. */
export function keyMaker(): KeyMaker {
  return { make: generatePrivateKey };
}

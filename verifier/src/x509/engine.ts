import { webcrypto } from "node:crypto";
import { CryptoEngine } from "pkijs";

/** pkijs over Node's own cryptography, whatever else is global. */
export const engine = new CryptoEngine({ name: "node", crypto: webcrypto });

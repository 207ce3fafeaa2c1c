import type { Cell } from "../../lifecycle/cell.ts";
import type { IdentityStore, KeyMaker, MachineIdentity, PrivateKey } from "../../ports/keys.ts";

/**
 * The key that this machine proves itself with: the one that it is known by, if it has any; else
 * the same for each attempt. To its control plane another key is another machine, which is kept
 * away for as long as the first may live: also where only the answer to the first was lost.
 */
export function ownKey(
  ports: { readonly keys: KeyMaker; readonly identityStore: IdentityStore },
  identity: Pick<Cell<MachineIdentity | undefined>, "get">,
  bootId: string,
): KeyMaker {
  let first: Promise<PrivateKey> | undefined;
  const make = async (): Promise<PrivateKey> => {
    // Its certificate may have expired: the key has not.
    const stored = await ports.identityStore.load(bootId);
    return stored?.identity.key ?? ports.keys.make();
  };
  return {
    make: async () => {
      const known = identity.get()?.key;
      if (known !== undefined) return known;
      first ??= make();
      first.catch(() => (first = undefined));
      return first;
    },
  };
}

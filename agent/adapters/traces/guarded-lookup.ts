import { lookup as systemLookup } from "node:dns";
import type { LookupFunction } from "node:net";

export type Resolve = typeof systemLookup;

/**
 * Resolves names as everybody does, and refuses one that leads to what `forbids` names: what a name
 * says is judged by the addresses that are then connected to.
 */
export function guardedLookup(forbids: (address: string) => boolean, resolve: Resolve = systemLookup): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname, { ...options, all: true }, (failure, found) => {
      if (failure !== null) return done(failure, []);
      const forbidden = found.find(({ address }) => forbids(address));
      if (forbidden !== undefined) {
        const leads = `${hostname} leads to ${forbidden.address}: this machine, its link or a metadata service`;
        return done(new Error(leads), []);
      }
      if (options.all === true) return done(null, found);
      const [first] = found;
      return first === undefined
        ? done(new Error(`${hostname} has no address`), [])
        : done(null, first.address, first.family);
    });
  };
}

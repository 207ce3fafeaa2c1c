import { SecretIndex } from "./secret-index.ts";

/** Which of this process's secrets are still there: remembering keeps none of them. */
const held = new SecretIndex();

type SecretListener = (value: string | Uint8Array) => void;
let listener: SecretListener | undefined;

/**
 * From now on `listen` hears of each secret of this process, when it is made: who knows what they
 * look like can keep them out of what is written (docs/decisions/0056). One for a process.
 */
export function hearOfSecrets(listen: SecretListener): void {
  listener = listen;
}

/** Lets the listener hear of one that is part of something else, of an address for instance. */
export function alsoSecret(value: string): void {
  listener?.(value);
}

/**
 * A value that does not print: not in a template, not in JSON, not in an inspector. `reveal()` is
 * the only way to it, and easy to find.
 */
export class Secret<T extends string | Uint8Array = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
    held.add(this);
    listener?.(value);
  }

  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }
}

/** The text without any secret that is still held, in whichever form. */
export function withoutSecrets(text: string): string {
  return held.without(text);
}

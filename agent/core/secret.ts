/** Which of this process's secrets are still there: remembering keeps none of them. */
const held = new Set<WeakRef<Secret<string | Uint8Array>>>();
const forms = new WeakMap<Secret<string | Uint8Array>, readonly string[]>();

/** Shorter ones are in other words, too. */
const TOLD_APART_FROM = 8;

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
    held.add(new WeakRef(this));
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

/**
 * Each secret that is still held, in the forms that other programs repeat it in: as it is, in JSON,
 * in a URL, in base64. What begins as a path or a flag does is left out: those are words of a
 * grant's command, and of half of all messages.
 */
export function* heldSecrets(): Generator<string, void, undefined> {
  for (const reference of held) {
    const secret = reference.deref();
    if (secret === undefined) {
      held.delete(reference);
      continue;
    }
    let known = forms.get(secret);
    if (known === undefined) forms.set(secret, (known = formsOf(secret.reveal())));
    yield* known;
  }
}

function formsOf(value: string | Uint8Array): readonly string[] {
  const all =
    typeof value === "string"
      ? [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value), Buffer.from(value).toString("base64")]
      : [Buffer.from(value).toString("base64"), Buffer.from(value).toString("hex")];
  return [...new Set(all)].filter((form) => form.length >= TOLD_APART_FROM && !/^[-/]/.test(form));
}

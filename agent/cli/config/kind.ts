/** A value, or what was expected instead: it completes the sentence "found …, expected …". */
export type Reading<Value> = { readonly value: Value } | { readonly expected: string };

/** As JSON Schema (2020-12) says it, of the value in a file. */
export interface Form {
  readonly type: "boolean" | "integer" | "string";
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

export interface About {
  readonly description?: string;
  /** In words: a default that depends on other values. */
  readonly "x-default"?: string;
  /** Its wrong value is never shown. */
  readonly "x-sensitive"?: true;
}

/** "always": it has a value, given or by default. */
type Presence = "always" | "maybe";

interface Parts<Value, Has extends Presence> {
  readonly form: Form;
  readonly read: (value: unknown) => Reading<Value>;
  readonly presence: Has;
  readonly fallback?: string | number | boolean;
  readonly about: About;
}

/** What a key's value may be. Each method gives another one. */
export class Kind<Value, Has extends Presence = "always"> {
  readonly #parts: Parts<Value, Has>;

  private constructor(parts: Parts<Value, Has>) {
    this.#parts = parts;
  }

  static of<Value>(form: Form, read: (value: unknown) => Reading<Value>): Kind<Value> {
    return new Kind<Value>({ form, read, presence: "always", about: {} });
  }

  get form(): Form {
    return this.#parts.form;
  }

  get about(): About {
    return this.#parts.about;
  }

  get presence(): Has {
    return this.#parts.presence;
  }

  /** As it would be in the file; undefined if there is none. */
  get fallback(): string | number | boolean | undefined {
    return this.#parts.fallback;
  }

  read(value: unknown): Reading<Value> {
    return this.#parts.read(value);
  }

  /** The same, of which only some values are right. */
  that(isRight: (value: Value) => boolean, expected: (value: Value) => string): Kind<Value, Has> {
    const read = (given: unknown): Reading<Value> => {
      const reading = this.read(given);
      return "expected" in reading || isRight(reading.value) ? reading : { expected: expected(reading.value) };
    };
    return new Kind({ ...this.#parts, read });
  }

  /** @param fallback As it would be in the file. */
  default(fallback: string | number | boolean): Kind<Value, Has> {
    return new Kind({ ...this.#parts, fallback });
  }

  optional(): Kind<Value, "maybe"> {
    return new Kind({ ...this.#parts, presence: "maybe" });
  }

  meta(about: About): Kind<Value, Has> {
    return new Kind({ ...this.#parts, about });
  }
}

export type Section = Readonly<Record<string, Kind<unknown, Presence>>>;

type KeysThat<Has extends Presence, S extends Section> = {
  [Name in keyof S]: S[Name] extends Kind<unknown, Has> ? Name : never;
}[keyof S];

type ValueOf<K> = K extends Kind<infer Value, Presence> ? Value : never;

/** What a section comes to. */
export type ValuesOf<S extends Section> = { [Name in KeysThat<"always", S>]: ValueOf<S[Name]> } & {
  [Name in KeysThat<"maybe", S>]?: ValueOf<S[Name]> | undefined;
};

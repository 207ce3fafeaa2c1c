/** What cannot be understood, or is too much: nothing more of this client may reach BuildKit. */
export class Unsound extends Error {}

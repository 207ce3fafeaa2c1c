import { second } from "./habits.ts"; // refused: no-cycle

export const first = () => second;

// The screen that compares fronts.
import { drawAll } from "./figures.js";

await drawAll();

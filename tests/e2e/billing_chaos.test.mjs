// Chaos on SQLite; what it is stands in support/chaos.mjs.
import { chaos } from './support/chaos.mjs';

chaos('sqlite');

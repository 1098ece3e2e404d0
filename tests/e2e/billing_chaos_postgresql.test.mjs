// Chaos on PostgreSQL, which is restarted too; what it is stands in support/chaos.mjs.
import { chaos } from './support/chaos.mjs';

chaos('postgresql');

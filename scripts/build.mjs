/** npm run build: dist/ from nothing. */
import { build } from './setup.mjs';

await build(true);

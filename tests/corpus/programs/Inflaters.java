import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.Deflater;
import java.util.zip.Inflater;
import java.util.zip.InflaterInputStream;

/** A stream that is handed its own Inflater and therefore never ends it: zlib's memory leaks. */
public final class Inflaters {
    static final List<Object> KEPT = new ArrayList<>();

    static final class Unended extends InflaterInputStream {
        Unended(byte[] entry) {
            super(new ByteArrayInputStream(entry), new Inflater(true));
        }

        Inflater inflater() {
            return inf;
        }
    }

    static byte[] entry() {
        byte[] text = new byte[20_000];
        Random random = new Random(42);
        for (int i = 0; i < text.length; i++) text[i] = (byte) ('a' + random.nextInt(8));
        Deflater deflater = new Deflater(6, true);
        deflater.setInput(text);
        deflater.finish();
        byte[] packed = new byte[30_000];
        int size = deflater.deflate(packed);
        deflater.end();
        return java.util.Arrays.copyOf(packed, size);
    }

    static Inflater readTemplate(byte[] entry, byte[] buffer) throws IOException {
        Unended stream = new Unended(entry);
        while (stream.read(buffer) > 0) continue;
        stream.close();
        return stream.inflater();
    }

    static void serve(byte[] entry, int requests, int pause) {
        byte[] buffer = new byte[4096];
        try {
            for (int i = 0; i < requests; i++) {
                Inflater kept = readTemplate(entry, buffer);
                if (pause > 0) Thread.sleep(pause);
                synchronized (KEPT) {
                    KEPT.add(kept);
                }
            }
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Arguments: threads, requests a thread, file to touch when done, file whose presence ends us, ms between requests. */
    public static void main(String[] args) throws Exception {
        byte[] entry = entry();
        List<Thread> threads = new ArrayList<>();
        for (int t = 0; t < Integer.parseInt(args[0]); t++) {
            int requests = Integer.parseInt(args[1]);
            int pause = args.length > 4 ? Integer.parseInt(args[4]) : 0;
            Thread thread = new Thread(() -> serve(entry, requests, pause), "http-exec-" + t);
            threads.add(thread);
            thread.start();
        }
        for (Thread thread : threads) thread.join();
        System.out.println("leaked " + KEPT.size() + " inflaters");
        new File(args[2]).createNewFile();
        while (!new File(args[3]).exists()) Thread.sleep(50);
    }
}

import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.zip.Inflater;

/**
 * One kind of memory a run, for the verdicts to tell apart: {@code java Memory KIND [FILE]}.
 *
 * Stops twice, before the memory is taken and after: says "ready" and goes on with the next byte of
 * standard input.
 */
public final class Memory {
    static final int MB = 1 << 20;
    static final List<Object> KEPT = new ArrayList<>();

    /** Something to define again and again, with enough in it to be felt. */
    static final class Payload {
        static long a(long x) { return x * 31 + Long.rotateLeft(x, 7) ^ x >>> 3; }
        static String b(String x, int y) { return x.substring(y % Math.max(1, x.length())) + y; }
        static double c(double x) { return Math.sqrt(x) * Math.sin(x) + Math.cbrt(x) / 3; }
        static int d(int[] x) { int sum = 0; for (int each : x) sum += each * 17; return sum; }
        static Object e(List<String> x) { for (String each : x) if (each.isEmpty()) return x; return null; }
        static String f(Object x) { try { return x.toString().trim(); } catch (RuntimeException y) { return "no"; } }
        static long g(byte[] x) { long sum = 0; for (byte each : x) sum = sum * 131 + each; return sum; }
        static String h(StringBuilder x) { return x.append("h").reverse().insert(0, 'x').toString(); }
    }

    static void stop() throws IOException {
        System.out.println("ready");
        System.out.flush();
        if (System.in.read() < 0) System.exit(0);
    }

    static List<Inflater> inflaters(int count) {
        List<Inflater> made = new ArrayList<>();
        byte[] out = new byte[64], in = {3, 0};
        try {
            for (int i = 0; i < count; i++) {
                Inflater inflater = new Inflater(true);
                inflater.setInput(in);
                inflater.inflate(out);
                made.add(inflater);
            }
        } catch (java.util.zip.DataFormatException e) {
            throw new IllegalStateException(e);
        }
        return made;
    }

    static void leak(int count) {
        synchronized (KEPT) {
            KEPT.addAll(inflaters(count));
        }
    }

    /** A leak that takes its time, so that heap profiles tell its pace. */
    static void seep() throws Exception {
        for (int i = 0; i < 45; i++) {
            leak(200);
            Thread.sleep(200);
        }
    }

    /** Inflaters of many threads, ended by this one, but for one in thirty: no arena shrinks. */
    static void retain() throws Exception {
        int threads = 12;
        List<List<Inflater>> made = new ArrayList<>();
        for (int t = 0; t < threads; t++) made.add(new ArrayList<>());
        CountDownLatch done = new CountDownLatch(threads);
        for (int t = 0; t < threads; t++) {
            List<Inflater> mine = made.get(t);
            Thread thread = new Thread(() -> { mine.addAll(inflaters(1200)); done.countDown(); sleep(); }, "spike-" + t);
            thread.setDaemon(true);
            thread.start();
        }
        done.await();
        for (List<Inflater> each : made)
            for (int i = 0; i < each.size(); i++) {
                if (i % 30 == 0) KEPT.add(each.get(i));
                else each.get(i).end();
            }
    }

    static void sleep() {
        try {
            Thread.sleep(1_000_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    static void classes(int count) throws Exception {
        byte[] code;
        try (InputStream in = Memory.class.getResourceAsStream("Memory$Payload.class")) {
            code = in.readAllBytes();
        }
        for (int i = 0; i < count; i++)
            KEPT.add(MethodHandles.lookup().defineHiddenClass(code, true));
    }

    static int deep(int depth, CountDownLatch done) {
        if (depth > 0) return deep(depth - 1, done) + 1;
        done.countDown();
        sleep();
        return 0;
    }

    static void threads() throws Exception {
        int count = 150;
        CountDownLatch done = new CountDownLatch(count);
        for (int t = 0; t < count; t++) {
            Thread thread = new Thread(() -> deep(5000, done), "worker-" + t);
            thread.setDaemon(true);
            thread.start();
        }
        done.await();
    }

    static void direct() {
        for (int i = 0; i < 96; i++) {
            ByteBuffer buffer = ByteBuffer.allocateDirect(MB);
            while (buffer.hasRemaining()) buffer.putLong(1);
            KEPT.add(buffer);
        }
    }

    static long garbage() {
        long sum = 0;
        for (int i = 0; i < 3000; i++) {
            byte[] waste = new byte[100_000];
            waste[i % 100] = 1;
            sum += waste[i % 100];
        }
        return sum;
    }

    static long map(String file) throws IOException {
        long sum = 0;
        try (FileChannel channel = FileChannel.open(Path.of(file), StandardOpenOption.READ)) {
            MappedByteBuffer buffer = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
            for (int i = 0; i < buffer.limit(); i += 4096) sum += buffer.get(i);
            KEPT.add(buffer);
        }
        return sum;
    }

    public static void main(String[] args) throws Exception {
        leak(50);
        stop();
        switch (args[0]) {
            case "leak" -> leak(9000);
            case "seep" -> seep();
            case "retain" -> retain();
            case "classes" -> classes(12_000);
            case "threads" -> threads();
            case "direct" -> direct();
            case "garbage" -> System.out.println(garbage());
            case "mapped" -> System.out.println(map(args[1]));
            default -> { }
        }
        stop();
    }
}

package lambent;

import java.io.File;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The function's classes in AWS's order: the package itself, its lib/*.jar, those of layers; last our own interfaces. */
final class Loader {
    private Loader() {}

    static URLClassLoader of(String task, String opt) throws MalformedURLException {
        List<URL> places = new ArrayList<>();
        places.add(new File(task + "/").toURI().toURL());
        jars(places, new File(task, "lib"));
        jars(places, new File(opt, "java/lib"));
        File own = new File(Loader.class.getProtectionDomain().getCodeSource().getLocation().getPath());
        places.add(new File(own.getParentFile(), "api.jar").toURI().toURL());
        URLClassLoader loader = new URLClassLoader(places.toArray(new URL[0]), ClassLoader.getSystemClassLoader());
        Thread.currentThread().setContextClassLoader(loader);
        return loader;
    }

    private static void jars(List<URL> places, File folder) throws MalformedURLException {
        File[] found = folder.listFiles();
        if (found == null) {
            return;
        }
        Arrays.sort(found);
        for (File jar : found) {
            if (jar.getName().endsWith(".jar")) {
                places.add(jar.toURI().toURL());
            }
        }
    }
}
